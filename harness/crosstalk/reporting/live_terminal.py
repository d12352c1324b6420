"""The verdict of a live run for a terminal: each distinct defect with its picture, a line a check, the figures."""

from __future__ import annotations

from crosstalk.model.live_figures import LiveFigures, Percentiles, Sighting
from crosstalk.model.verdict import Verdict
from crosstalk.reporting.timeline import printable


def live_findings(verdict: Verdict, only: str = "") -> list[str]:
    """Each distinct defect (`only` of one check): in words, as a picture, how often it was seen, and how again."""
    lines: list[str] = []
    for check in verdict.checks:
        if only not in ("", check.name):
            continue
        for violation in check.violations:
            lines.append(f"{check.name}: {printable(violation.message)}")
            if violation.timeline:
                lines.append(violation.timeline)
            if violation.sighting is not None and violation.sighting.round >= 0:
                lines.append(seen(violation.sighting))
            if violation.sighting is not None and violation.sighting.command:
                lines.append(f"again: {violation.sighting.command}")
            lines.append("")
    return lines


def seen(sighting: Sighting) -> str:
    """How often a violation was seen, in one sentence."""
    times = f"{sighting.times:,} times" if sighting.times > 1 else "once"
    text = f"seen {times}, first after {sighting.seconds:.1f} s in round {sighting.round}"
    if sighting.repeats:
        text += f"; seen in {sighting.again} of {sighting.repeats} replays of that round"
    if sighting.fewest:
        text += f", and with {sighting.fewest} users and {sighting.steps} steps alone"
    return text


def live_judgement(verdict: Verdict) -> list[str]:
    """A line a check, the figures, and the verdict."""
    lines: list[str] = []
    for check in verdict.checks:
        reason = f"  ({printable(check.reason)})" if check.reason else ""
        lines.append(f"{check.verdict:8}{check.name:16}{check.opportunities:>12,} opportunities{reason}")
    lines += [f"note: {printable(note)}" for note in verdict.notes]
    caught = sum(control.caught for control in verdict.controls)
    lines.append(f"controls: {caught} of {len(verdict.controls)} sabotages caught on what this system sent")
    if verdict.live is not None:
        lines += figures(verdict.live, verdict.explored.seconds, verdict.seed)
    interrupted = " (interrupted)" * verdict.interrupted
    lines.append(f"verdict: {verdict.verdict} for {printable(verdict.target)}{interrupted}")
    return lines


def figures(live: LiveFigures, seconds: float, seed: int) -> list[str]:
    """How much was done, how fast, and how much of it succeeded, in sentences."""
    lines = [
        f"live: {live.users:,} users, {live.connections:,} connections, {live.runs:,} runs, {live.deliveries:,} "
        f"deliveries in {live.rounds:,} round{'s' * (live.rounds != 1)}, {seconds:.1f} s (seed {seed})"
    ]
    if live.latency.count:
        lines.append(f"first event of a run: {_times(live.latency)}")
    if live.connecting.count:
        lines.append(f"opening a connection: {_times(live.connecting)}")
    if live.reconnecting.count:
        lines.append(f"connecting again: {_times(live.reconnecting)}")
    if live.attempts:
        lines.append(f"success: {live.success:.2%} of {live.attempts:,} connections and runs")
    return lines


def _times(times: Percentiles) -> str:
    shown = (("p50", times.p50), ("p95", times.p95), ("p99", times.p99), ("max", times.max))
    return ", ".join(f"{name} {seconds * 1e3:,.1f} ms" for name, seconds in shown) + f" of {times.count:,}"


def live_summary(verdict: Verdict) -> str:
    return "\n".join(live_findings(verdict) + live_judgement(verdict))
