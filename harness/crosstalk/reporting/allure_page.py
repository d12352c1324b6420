"""Allure 3 (from npm) run over a folder of results: one HTML file that asks nobody for anything.

Allure's page reports each look at it to an analytics service. Those scripts are taken out, and a
Content-Security-Policy is put in that refuses whatever request is left.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from crosstalk.reporting.allure import categories

SECONDS = 300
_ANALYTICS = re.compile(
    r"<script\b[^>]*\bsrc=\"[^\"]*(?:googletagmanager|google-analytics)[^\"]*\"[^>]*>\s*</script>"
    r"|<script>(?:(?!</script>).)*?\bgtag\((?:(?!</script>).)*?</script>",
    re.S,
)
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' "
    "'unsafe-eval' data: blob:; style-src 'unsafe-inline' data: blob:; img-src data: blob:; font-src data:; "
    'connect-src data: blob:; frame-src data: blob:; media-src data: blob:; worker-src blob:">'
)


class NoAllure(Exception):
    """The page cannot be made; the message is one sentence."""


def tool() -> str | None:
    """Allure's command: on the PATH, or installed by npm in this folder."""
    return shutil.which("allure") or shutil.which("allure", path="node_modules/.bin")


def render(results: Path, output: Path, command: str | None = None) -> Path:
    """The page made from `results` in the folder `output`. Raises NoAllure or OSError."""
    found = sorted(results.glob("*-result.json"))
    if not found:
        raise NoAllure(f"{results} holds no results of allure: run pytest with --alluredir={results} first")
    damaged = next((path for path in found if not _is_result(path)), None)
    if damaged is not None:  # allure would leave it out without a word
        raise NoAllure(f"{damaged} is no result of allure, or damaged: delete it, or run pytest with --alluredir again")
    allure = command or tool()
    if allure is None:
        raise NoAllure("there is no allure 3 command: install it where Node is, with npm install allure")
    version = _run([allure, "--version"]).strip()
    if not version.startswith("3."):
        raise NoAllure(f"{allure} is version {version[:40]!r}, and 3 is needed: install it with npm install allure")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "allurerc.json")
        made = Path(folder, "report")
        options = {"singleFile": True, "reportLanguage": "en"}
        settings = {
            "name": "Crosstalk",
            "output": str(made),
            "categories": categories(),
            "plugins": {"awesome": {"options": options}},
        }
        config.write_text(json.dumps(settings), "utf-8")
        _run([allure, "generate", str(results.resolve()), "--config", str(config)])
        pages = sorted(made.rglob("index.html"), key=lambda path: -path.stat().st_size)
        if not pages:
            raise NoAllure("allure made no index.html: run allure generate yourself to see why")
        text = silenced(pages[0].read_text("utf-8"))
    output.mkdir(parents=True, exist_ok=True)
    shown = output / "index.html"
    shown.write_text(text, "utf-8")
    return shown


def _is_result(path: Path) -> bool:
    try:
        result = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(result, dict) and "uuid" in result and "status" in result


def silenced(page: str) -> str:
    """`page` without analytics, and with a policy that refuses every request. Raises NoAllure where it has no head."""
    head = re.search(r"<head[^>]*>", page)
    if head is None:
        raise NoAllure("allure's page has no head to put a policy in")
    return page[: head.end()] + _POLICY + _ANALYTICS.sub("", page[head.end() :])


def _run(line: list[str]) -> str:
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAllure(f"{line[0]} could not be run: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NoAllure(f"{line[0]} failed: {said[-1][:200] if said else f'exit code {done.returncode}'}")
    return done.stdout
