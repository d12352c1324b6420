"""The verdict: the only place where a run is judged. `fail > unknown > pass`; the worst wins.

A check that was never given an opportunity, or that missed its own sabotage, proves nothing: it is unknown, never
pass. `Verdict` is what `verdict.json` holds; SCHEMA is its version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from crosstalk.model.attempt import Exchange
from crosstalk.model.live_figures import LiveFigures, Sighting, added, proven
from crosstalk.model.scene import Exhibit

SCHEMA = 1
Outcome = Literal["pass", "unknown", "fail"]
_RANK: tuple[Outcome, ...] = ("pass", "unknown", "fail")


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of `outcomes`; of none, unknown."""
    ranks = [_RANK.index(o) for o in outcomes]
    return _RANK[max(ranks)] if ranks else "unknown"


class Schedule(msgspec.Struct, frozen=True):
    """Which strategy found it, and how many choices of the minimal tape deviate from plain order."""

    strategy: str
    deviations: int


class FoundViolation(msgspec.Struct, frozen=True):
    """One distinct defect: `replay` is the token that `crosstalk replay` takes, `exhibit` what it is shown with."""

    message: str
    users: tuple[str, ...]
    replay: str
    schedule: Schedule
    timeline: str
    cause: str = ""
    exhibit: Exhibit | None = None
    sighting: Sighting | None = None
    exchange: Exchange | None = None


class CheckVerdict(msgspec.Struct, frozen=True):
    name: str
    verdict: Outcome
    opportunities: int
    violations: tuple[FoundViolation, ...] = ()
    reason: str = ""


class Control(msgspec.Struct, frozen=True):
    """Whether a check caught its own sabotage on this very target."""

    check: str
    sabotage: str
    caught: bool


class Explored(msgspec.Struct, frozen=True):
    """`strategies` counts the schedules of each; `coverage` says, after so many seconds, how many kinds of hand-over
    (what came and went while one send or call was waiting) had been reached."""

    programs: int
    schedules: int
    decisions: int
    deliveries: int
    seconds: float
    strategies: dict[str, int] = {}
    coverage: tuple[tuple[float, int], ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """`finished` is when the run had come to its end; it is set where verdict.json is written."""

    verdict: Outcome
    target: str
    seed: int
    checks: tuple[CheckVerdict, ...]
    controls: tuple[Control, ...]
    explored: Explored
    schema: int = SCHEMA
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    live: LiveFigures | None = None
    finished: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


NO_OPPORTUNITY = "it had no opportunity"


def judge(
    opportunities: int, violations: int, caught: bool | None, *, lost: bool = False, inapplicable: str = ""
) -> tuple[Outcome, str]:
    """One check's outcome and the reason for it.

    `caught` is None for a check without a control; `lost` says that a violation was seen that did not replay;
    `inapplicable` says why a target may rightly give this check nothing to look at.
    """
    if violations:
        return "fail", ""
    if lost:
        return "unknown", "a violation was seen that did not replay: state outlives the factory"
    if inapplicable and not opportunities:
        return "pass", f"not applicable: {inapplicable}"
    if caught is False:
        return "unknown", "it missed its own sabotage on this target"
    if caught is None:
        return "unknown", "no sabotage has shown that it can see on this target"
    if not opportunities:
        return "unknown", NO_OPPORTUNITY
    return "pass", ""


def merge(verdicts: Sequence[Verdict], order: Sequence[str] = ()) -> Verdict:
    """Several verdicts on one target as one: the worst wins, opportunities add up, each defect is listed once.

    Checks come in `order`, then those that are not in it. Raises ValueError when there are none.
    """
    if not verdicts:
        raise ValueError("there is no verdict to merge")
    checks: dict[str, list[CheckVerdict]] = {}
    controls: dict[tuple[str, str], list[Control]] = {}
    for verdict in verdicts:
        for check in verdict.checks:
            checks.setdefault(check.name, []).append(check)
        for control in verdict.controls:
            controls.setdefault((control.check, control.sabotage), []).append(control)
    live = added([v.live for v in verdicts if v.live is not None])
    merged = []
    places = {name: place for place, name in enumerate(order)}
    for name in sorted(checks, key=lambda check: places.get(check, len(places))):
        found = checks[name]
        outcome = worst(check.verdict for check in found)
        violations = {v.cause: v for check in reversed(found) for v in check.violations}
        reason = next((check.reason for check in found if check.verdict == outcome), "")
        total = sum(check.opportunities for check in found)
        if live is not None and name == "isolation" and outcome == "pass":
            reason = proven(total, live.bases)
        merged.append(CheckVerdict(name, outcome, total, tuple(violations.values()), reason))
    explored = Explored(
        sum(v.explored.programs for v in verdicts),
        sum(v.explored.schedules for v in verdicts),
        sum(v.explored.decisions for v in verdicts),
        sum(v.explored.deliveries for v in verdicts),
        round(sum(v.explored.seconds for v in verdicts), 3),
        dict(sum((Counter(v.explored.strategies) for v in verdicts), Counter())),
        max((v.explored.coverage for v in verdicts), key=lambda points: points[-1][1] if points else 0),
    )
    return Verdict(
        worst(check.verdict for check in merged),
        ", ".join(dict.fromkeys(v.target for v in verdicts)),
        verdicts[0].seed,
        tuple(merged),
        tuple(Control(*key, all(c.caught for c in found)) for key, found in controls.items()),
        explored,
        notes=tuple(dict.fromkeys(note for v in verdicts for note in v.notes)),
        interrupted=any(v.interrupted for v in verdicts),
        live=live,
    )
