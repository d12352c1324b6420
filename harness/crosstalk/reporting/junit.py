"""A test's verdict as JUnit properties: names and values, for pytest's `user_properties` (`--junitxml` writes them)."""

from __future__ import annotations

from crosstalk.model.verdict import Verdict
from crosstalk.reporting.again import again
from crosstalk.reporting.legible import printable


def properties(verdict: Verdict) -> list[tuple[str, str]]:
    """Verdict, target and seed; opportunities of each check; of each violation its message and replay command."""
    explored = verdict.explored
    told = [
        ("crosstalk.verdict", verdict.verdict),
        ("crosstalk.target", printable(verdict.target)),
        ("crosstalk.seed", str(verdict.seed)),
        ("crosstalk.schedules", str(explored.schedules)),
        ("crosstalk.deliveries", str(explored.deliveries)),
    ]
    for check in verdict.checks:
        told.append((f"crosstalk.{check.name}", f"{check.verdict} in {check.opportunities} opportunities"))
        for violation in check.violations:
            place = violation.exhibit.place if violation.exhibit is not None else None
            told += [
                (f"crosstalk.{check.name}.violation", printable(violation.message)),
                (f"crosstalk.{check.name}.replay", printable(again(violation))),
            ]
            if place is not None:
                told.append((f"crosstalk.{check.name}.place", printable(str(place))))
    return told
