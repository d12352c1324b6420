"""The findings as SARIF, for code scanning: one result a violation.

A result is at the broadcaster's line that sent the frame, or else at the method that publishes, or at least in the
target's file. Where no line of the project is known, as of a live system, the finding is a notification of the run
instead, for GitHub takes nothing of a log in which one result has no location.

The fingerprint is made of what tells defects apart (target, check, cause), so that an alert stays the same alert while
schedules and lines change.
"""

from __future__ import annotations

import hashlib
from typing import Any

from crosstalk.model.scene import Place
from crosstalk.model.verdict import FoundViolation, Verdict
from crosstalk.reporting.again import again
from crosstalk.reporting.legible import legible
from crosstalk.reporting.rules import RULES, SEVERITIES, rule
from crosstalk.reporting.sarif_log import location, log

_SCORES = {"blocker": "9.0", "critical": "7.0", "normal": "4.5", "minor": "2.0"}


def sarif(verdict: Verdict) -> dict[str, Any]:
    names = list(dict.fromkeys([*RULES, *(check.name for check in verdict.checks)]))
    results: list[dict[str, Any]] = []
    notifications: list[dict[str, Any]] = []
    for check in verdict.checks:
        for violation in check.violations:
            place = _place(verdict.target, violation)
            if place is None:
                text = f"{legible(check.name, 80)}: {_text(violation)}"
                notifications.append({"level": "error", "message": {"text": text}})
            else:
                results.append(_result(verdict.target, check.name, names.index(check.name), violation, place))
    invocation = {
        "executionSuccessful": verdict.verdict != "unknown" and not verdict.interrupted,
        "toolExecutionNotifications": notifications,
    }
    return log(
        "Crosstalk",
        [_rule(check) for check in names],
        results,
        invocations=[invocation],
        properties={
            "verdict": verdict.verdict,
            "target": legible(verdict.target, 400),
            "seed": verdict.seed,
        },
    )


def identity(target: str, check: str, cause: str) -> str:
    """What a defect is known by from run to run."""
    return hashlib.sha256("\x00".join((target, check, cause)).encode("utf-8", "surrogatepass")).hexdigest()


def is_inside(place: Place) -> bool:
    """Whether the place lies in the project's folder, as far as its path tells."""
    return not place.path.startswith(("/", "..")) and ":" not in place.path and "\\" not in place.path


def _rule(check: str) -> dict[str, Any]:
    security = check in ("isolation", "ownership", "ghost")
    properties: dict[str, Any] = {"tags": ["concurrency", *(["security"] if security else [])]}
    if security:
        properties["security-severity"] = _SCORES[SEVERITIES[check]]
    return {
        "id": legible(check, 80),
        "shortDescription": {"text": rule(check)},
        "defaultConfiguration": {"level": "error"},
        "properties": properties,
    }


def _place(target: str, violation: FoundViolation) -> Place | None:
    """The line to blame, or else the first of the target's file; None where the project has neither."""
    place = violation.exhibit.place if violation.exhibit is not None else None
    if place is not None and place.line > 0 and is_inside(place):
        return place
    file = Place(target.removeprefix("asgi:").rpartition(":")[0], 1, "")
    return file if file.path.endswith(".py") and is_inside(file) else None


def _text(violation: FoundViolation) -> str:
    text = f"{legible(violation.message, 1_000)}."
    if again(violation):
        text += f" Play it again: {legible(again(violation), 20_000)}"
    return text


def _result(target: str, check: str, index: int, violation: FoundViolation, place: Place) -> dict[str, Any]:
    where = location(place.path, place.line)
    if place.function:
        where["logicalLocations"] = [{"fullyQualifiedName": legible(place.function, 200), "kind": "function"}]
    return {
        "ruleId": legible(check, 80),
        "ruleIndex": index,
        "level": "error",
        "message": {"text": _text(violation)},
        "partialFingerprints": {"crosstalkDefect/v1": identity(target, check, violation.cause)},
        "locations": [where],
    }
