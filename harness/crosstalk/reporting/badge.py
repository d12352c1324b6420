"""A badge as data, for the endpoint badge of shields.io."""

from __future__ import annotations

from typing import Any

from crosstalk.model.verdict import Verdict

_COLOURS = {"pass": "brightgreen", "unknown": "yellow", "fail": "red"}


def badge(verdict: Verdict) -> dict[str, Any]:
    """`{"schemaVersion": 1, "label": ..., "message": ..., "color": ...}`."""
    found = sum(len(check.violations) for check in verdict.checks)
    leaks = next((check for check in verdict.checks if check.name == "isolation"), None)
    message: str = verdict.verdict
    if verdict.verdict == "fail":
        message = f"{found} defect{'s' * (found != 1)}"
    elif leaks is not None and leaks.verdict == "pass":
        message = f"0 leaks in {leaks.opportunities:,}" if verdict.verdict == "pass" else "unknown"
    return {
        "schemaVersion": 1,
        "label": "crosstalk",
        "message": message,
        "color": _COLOURS[verdict.verdict],
        "isError": verdict.verdict == "fail",
    }
