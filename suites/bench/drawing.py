"""The share of exploration time that goes into programs rather than into playing and judging them.

Two ways in: `explore`, whose programs are decoded from random bytes, and a user's own property, whose programs come out
of Hypothesis. The rest is playing, recording and checking.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from time import process_time
from typing import Any
from unittest.mock import patch

import work
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sidebyside import Row, main, quartiles

from crosstalk import examination
from crosstalk.checks import CHECKS
from crosstalk.reference.hub import Hub as Reference
from crosstalk.scenarios.program import Program, decode

GOAL = 1 / 3


class Timed:
    """Calls `function`, and adds up the processor time that it takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args: Any, **options: Any) -> Any:
        began = process_time()
        try:
            return self.function(*args, **options)
        finally:
            self.seconds += process_time() - began


def share_drawn(factory: Callable[[], Any], seed: int, runs: int) -> float:
    """The share of `explore` that is drawing programs."""
    target = examination.open_target(factory)
    draw = Timed(examination.draw)
    with patch.object(examination, "draw", draw):
        explored = examination.explore(target, seed)
        began = process_time()
        for _ in range(runs):
            next(explored)
        gc.collect()
        return draw.seconds / (process_time() - began)


def share_of_hypothesis(factory: Callable[[], Any], seed: int, examples: int) -> float:
    """The share of a property's time that is not spent in playing and judging its programs."""
    target = examination.open_target(factory)
    strategies = [strategy for _, strategy in examination.mix(random.Random(seed))]
    number = 0

    def judged(program: Program) -> None:
        nonlocal number
        history, _ = target.run(program, strategies[number % len(strategies)])
        number += 1
        for check in CHECKS.values():
            check(history)

    body = Timed(judged)

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=96, max_size=96).map(decode))
    def isolated(program: Program) -> None:
        body(program)

    began = process_time()
    isolated()
    return 1 - body.seconds / (process_time() - began)


def row(what: str, shares: list[float], goal: bool = True) -> Row:
    low, middle, high = quartiles(shares)
    measured = f"{middle:.3f} ({low:.3f} to {high:.3f})"
    return Row(what, measured, f"at most {GOAL:.2f}", middle <= GOAL) if goal else Row(what, measured)


def rows(quick: bool) -> list[Row]:
    repeats, runs = (3, 600) if quick else (9, 1_500)
    found = []
    gc.freeze()
    gc.disable()
    for name, factory in (("least hub", work.Hub), ("reference", Reference)):
        found.append(
            row(
                f"share of exploration spent in drawing and decoding programs, {name}",
                [share_drawn(factory, seed, runs) for seed in range(repeats)],
            )
        )
        found.append(
            row(
                f"share of a user's property spent in Hypothesis and decoding, {name}",
                [share_of_hypothesis(factory, seed, runs) for seed in range(repeats)],
                goal=False,  # the goal is exploration's
            )
        )
    return found


if __name__ == "__main__":
    main(rows)
