"""The verdict for a terminal: each distinct defect with its picture and replay command, then a line a check."""

from __future__ import annotations

from crosstalk.model.verdict import FoundViolation, Verdict
from crosstalk.reporting.timeline import printable


def findings(verdict: Verdict) -> list[str]:
    """Each distinct defect with its picture and replay command."""
    lines: list[str] = []
    for check in verdict.checks:
        for violation in check.violations:
            deviations = violation.schedule.deviations
            how = (
                "in plain order"
                if not deviations
                else f"{deviations} deviation{'s' * (deviations > 1)} from plain order"
            )
            lines += [
                f"{check.name}: {printable(violation.message)}",
                violation.timeline,
                *look_at(violation),
                f"found by {violation.schedule.strategy}, minimal: {how}",
                f"replay: crosstalk replay {violation.replay}",
                "",
            ]
    return lines


def look_at(violation: FoundViolation) -> list[str]:
    """The line to look at, where it is known."""
    place = violation.exhibit.place if violation.exhibit is not None else None
    return [f"look at: {printable(str(place))}"] if place is not None else []


def judgement(verdict: Verdict) -> list[str]:
    """A line a check, what was explored, and the verdict."""
    lines: list[str] = []
    for check in verdict.checks:
        reason = f"  ({printable(check.reason)})" if check.reason else ""
        lines.append(f"{check.verdict:8}{check.name:16}{check.opportunities:>12,} opportunities{reason}")
    caught = sum(control.caught for control in verdict.controls)
    explored = verdict.explored
    lines += [f"note: {printable(note)}" for note in verdict.notes]
    lines += [
        f"controls: {caught} of {len(verdict.controls)} sabotages caught on this target",
        f"explored: {explored.schedules:,} schedules, {explored.decisions:,} decisions, "
        f"{explored.deliveries:,} deliveries in {explored.seconds:g} s (seed {verdict.seed})",
        f"verdict: {verdict.verdict} for {printable(verdict.target)}" + (" (interrupted)" * verdict.interrupted),
    ]
    return lines


def summary(verdict: Verdict) -> str:
    return "\n".join(findings(verdict) + judgement(verdict))
