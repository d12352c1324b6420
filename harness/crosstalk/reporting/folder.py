"""What a run leaves behind in its folder: verdict.json, and from it index.html, crosstalk.sarif and badge.json."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from crosstalk.model.verdict import Verdict
from crosstalk.reporting.badge import badge
from crosstalk.reporting.migration import beside
from crosstalk.reporting.page import page
from crosstalk.reporting.reading import NoVerdict, read_verdict
from crosstalk.reporting.sarif import sarif


def leave(verdict: Verdict, folder: Path) -> Path:
    """Write everything; the path of the page. Raises OSError. verdict.json comes first: all else can be made of it."""
    if verdict.finished is None:
        verdict = msgspec.structs.replace(verdict, finished=datetime.now(UTC).replace(microsecond=0))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdict.json").write_bytes(pretty(verdict))
    shown = folder / "index.html"
    shown.write_text(page(verdict, beside(folder)), "utf-8")
    (folder / "crosstalk.sarif").write_bytes(pretty(sarif(verdict)))
    (folder / "badge.json").write_bytes(pretty(badge(verdict)))
    return shown


def leave_beside(result: object, path: Path) -> Path:
    """Write what a comparison of OLD and NEW came to, and its folder's page, whose path is returned. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pretty(result))
    verdict = None
    with suppress(NoVerdict):
        verdict = read_verdict(path.parent)
    shown = path.parent / "index.html"
    shown.write_text(page(verdict, beside(path.parent)), "utf-8")
    return shown


def pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
