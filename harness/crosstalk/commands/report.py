"""`crosstalk report KIND VERDICT`: any report made again from a verdict.json.

`crosstalk report allure RESULTS` lets Allure 3 make a page of the results of a pytest run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from crosstalk.model.verdict import Verdict
from crosstalk.reporting.allure_page import NoAllure, render
from crosstalk.reporting.badge import badge
from crosstalk.reporting.folder import pretty
from crosstalk.reporting.github import markdown
from crosstalk.reporting.legible import printable
from crosstalk.reporting.migration import beside
from crosstalk.reporting.page import page
from crosstalk.reporting.picture import picture
from crosstalk.reporting.reading import NoVerdict, read_verdict
from crosstalk.reporting.sarif import sarif

KINDS: dict[str, Callable[[Verdict], str]] = {
    "markdown": markdown,
    "sarif": lambda verdict: pretty(sarif(verdict)).decode() + "\n",
    "badge": lambda verdict: pretty(badge(verdict)).decode() + "\n",
}


@click.command()
@click.argument("kind", type=click.Choice(["html", *KINDS, "svg", "allure"]))
@click.argument("verdict", type=click.Path(path_type=Path), required=False)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Where to; - is standard output (the default).")
@click.option("--number", type=click.IntRange(min=1), default=1, help="Which violation an svg shows (default 1).")
def report(kind: str, verdict: Path | None, output: Path | None, number: int) -> None:
    """Make a report of KIND from VERDICT, a verdict.json or the folder that holds it (default reports).

    For allure, VERDICT is the folder that pytest's --alluredir named (default allure-results), and the output a folder
    (default allure-report).
    """
    try:
        if kind == "allure":
            click.echo(render(verdict or Path("allure-results"), output or Path("allure-report")))
            return
        where = verdict or Path("reports")
        if kind == "html":
            text = _page(where)
        else:
            read = read_verdict(where)
            text = _svg(read, number) if kind == "svg" else KINDS[kind](read)
        if output is None or str(output) == "-":
            sys.stdout.write(text)
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8")
    except (NoVerdict, NoAllure) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    except OSError as error:
        click.echo(f"crosstalk: {printable(str(output))} could not be written: {error.strerror}", err=True)
        raise SystemExit(2) from None


def _page(where: Path) -> str:
    """The page of a verdict and of what is beside it, or of that alone."""
    folder = where if where.is_dir() else where.parent
    others = beside(folder)
    if others.results and where == folder and not (folder / "verdict.json").exists():
        return page(None, others)
    return page(read_verdict(where), others)


def _svg(verdict: Verdict, number: int) -> str:
    shown = [(c.name, v) for c in verdict.checks for v in c.violations if v.exhibit is not None]
    if not shown:
        raise NoVerdict("the verdict holds no violation: there is nothing to draw")
    if number > len(shown):
        raise NoVerdict(f"the verdict has {len(shown)} violations that can be drawn: there is no number {number}")
    check, violation = shown[number - 1]
    assert violation.exhibit is not None
    return picture(violation.exhibit.scene, check, violation.message, violation.exhibit.failing) + "\n"
