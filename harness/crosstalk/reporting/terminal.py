"""The verdict for a terminal: each distinct defect with its picture and replay command, then a line a check."""

from __future__ import annotations

from crosstalk.model.verdict import Verdict
from crosstalk.reporting.timeline import printable


def summary(verdict: Verdict) -> str:
    lines: list[str] = []
    for check in verdict.checks:
        for violation in check.violations:
            lines += [
                f"{check.name}: {printable(violation.message)}",
                violation.timeline,
                f"found by {violation.schedule.strategy}, {violation.schedule.deviations} deviations from plain order",
                f"replay: crosstalk replay {violation.replay}",
                "",
            ]
    for check in verdict.checks:
        reason = f"  ({check.reason})" if check.reason else ""
        lines.append(f"{check.verdict:8}{check.name:16}{check.opportunities:>10,} opportunities{reason}")
    caught = sum(control.caught for control in verdict.controls)
    explored = verdict.explored
    lines += [f"note: {printable(note)}" for note in verdict.notes]
    lines += [
        f"controls: {caught} of {len(verdict.controls)} sabotages caught on this target",
        f"explored: {explored.schedules:,} schedules, {explored.decisions:,} decisions, "
        f"{explored.deliveries:,} deliveries in {explored.seconds:g} s (seed {verdict.seed})",
        f"verdict: {verdict.verdict} for {verdict.target}",
    ]
    return "\n".join(lines)
