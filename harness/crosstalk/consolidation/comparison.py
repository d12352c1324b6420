"""OLD against NEW in time and memory: interleaved pairs of fresh processes, and what can be said of them.

Each round measures both, one right after the other, in an order that changes at random. Every figure becomes a ratio
with an interval (see `ratio`); goals are judged on the ratios of the largest number of users.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from crosstalk.consolidation.applications import refuse_applications
from crosstalk.consolidation.ratio import Ratio, judged, ratio
from crosstalk.consolidation.workload import Figures, Request
from crosstalk.examination import Examination
from crosstalk.model.migration import MEASURES, Comparison, Judged, Measured
from crosstalk.model.verdict import Outcome
from crosstalk.targets.loader import TargetError

_EXACT = ("left_over", "tasks", "objects")


def compare(
    old: Examination,
    new: Examination,
    *,
    users: tuple[int, ...] = (1, 10, 100, 1_000),
    events: int = 300,
    rounds: int = 12,
    faster: float | None = None,
    leaner: float | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Measure `rounds` pairs. `faster` and `leaner` are shares of delivery latency and memory kept that NEW must save.

    Raises TargetError when a process can't measure its broadcaster, ValueError for fewer than two rounds.
    """
    if rounds < 2:
        raise ValueError("a comparison needs at least two rounds")
    refuse_applications("what is measured is a broadcaster's own calls", old, new)
    began = time.monotonic()
    source = random.Random(seed)
    sides = (old, new)
    taken: tuple[list[list[Figures]], list[list[Figures]]] = ([], [])
    for number in range(rounds):
        order = [0, 1] if source.random() < 0.5 else [1, 0]
        for side in order:
            taken[side].append(measured(sides[side], users, events))
        if progress is not None:
            progress(number + 1)
    found = [_measured(name, place, count, taken, seed) for place, count in enumerate(users) for name in MEASURES]
    goals = [
        _goal(name, share, found, users[-1], rounds)
        for name, share in (("delivery", faster), ("retained", leaner))
        if share is not None
    ]
    notes = []
    for word, side in (("OLD", 0), ("NEW", 1)):
        lost = sum(figures.lost for one in taken[side] for figures in one)
        if lost:
            notes.append(f"{word} lost {lost} events while it was measured: see crosstalk check")
    outcomes = {goal.outcome for goal in goals}
    verdict: Outcome = "fail" if "not met" in outcomes or notes else "unknown" if "cannot tell" in outcomes else "pass"
    seconds = round(time.monotonic() - began, 3)
    return Comparison(verdict, old.target, new.target, rounds, tuple(found), tuple(goals), seconds, tuple(notes))


def measured(side: Examination, users: tuple[int, ...], events: int) -> list[Figures]:
    """One measurement in a process of its own. Raises TargetError with one sentence."""
    request = Request(side.target, side.names, side.adapter.form, users, events)
    line = [sys.executable, "-m", "crosstalk.consolidation.workload", msgspec.json.encode(request).decode()]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=600, cwd=Path.cwd(), check=False)
    except subprocess.TimeoutExpired:
        raise TargetError(
            f"{side.target} was not measured within ten minutes: give fewer --users or --events"
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TargetError(f"{side.target} could not be measured: {last}")
    return msgspec.json.decode(done.stdout, type=list[Figures])


def _measured(
    name: str, place: int, count: int, taken: tuple[list[list[Figures]], list[list[Figures]]], seed: int
) -> Measured:
    old, new = ([float(getattr(one[place], name)) for one in side] for side in taken)
    offset = 1.0 if name in _EXACT else 0.0  # there may rightly be none
    between = ratio([value + offset for value in old], [value + offset for value in new], seed)
    one, other = statistics.median(old), statistics.median(new)
    return Measured(name, count, one, other, between.value, between.low, between.high, between.word)


def _goal(name: str, share: float, found: list[Measured], users: int, rounds: int) -> Judged:
    one = next(m for m in found if m.measure == name and m.users == users)
    goal = judged(Ratio(one.ratio, one.low, one.high, rounds), share)
    return Judged(name, share, goal.outcome, goal.more)
