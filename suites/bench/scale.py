"""What one delivery costs, played and judged, with 1,000 users beside what it costs with 3.

Each user has the same connections and events in both; the few users play as many runs as it takes to make as many
deliveries. The figure is (seconds a delivery of the many) / (seconds a delivery of the few).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import work
from sidebyside import Row, main, quartiles, seconds

from crosstalk.checks import CHECKS
from crosstalk.examination import mix, open_target
from crosstalk.schedule.loop import Strategy
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.random_walk import RandomWalk

FEW, MANY = 3, 1_000


def playing(users: int, strategies: list[Strategy]) -> Callable[[], None]:
    """One call plays and judges the work of `users` users."""
    examination = open_target(work.Hub)
    turns = itertools.cycle(strategies)
    program = work.program(users)
    deliveries = users * work.CONNECTIONS * (work.EVENTS + 1)

    def once() -> None:
        history, _ = examination.run(program, next(turns))
        for check in CHECKS.values():
            if check(history).violations:
                raise AssertionError(f"a violation on a correct broadcaster: {check(history).violations[0]}")
        if len(history.send_start) != deliveries:
            raise AssertionError(f"{len(history.send_start)} deliveries instead of {deliveries}")

    return once


def ratios(make: Callable[[], list[Strategy]], pairs: int) -> tuple[list[float], float]:
    """Cost of a delivery of the many over that of the few, once a pair; and its seconds with many, the median."""
    few, many = playing(FEW, make()), playing(MANY, make())
    turns = len(make())
    found, costs = [], []
    for _ in range(pairs):
        before = seconds(few, MANY // FEW) / FEW
        cost = seconds(many, turns) / MANY
        after = seconds(few, MANY // FEW) / FEW
        found.append(cost / ((before + after) / 2))
        costs.append(cost / (work.CONNECTIONS * (work.EVENTS + 1)))
    return found, sorted(costs)[len(costs) // 2]


def rows(quick: bool) -> list[Row]:
    pairs = 2 if quick else 7
    found = []
    for name, make, goal in (
        ("the strategies' mix", lambda: [strategy for _, strategy in mix(random.Random(0))], 1.5),
        ("random walk", lambda: [RandomWalk(random.Random(0))], None),
        ("plain order", lambda: [Plain()], None),
    ):
        values, cost = ratios(make, pairs)
        low, middle, high = quartiles(values)
        measured = f"{middle:.2f} ({low:.2f} to {high:.2f}): {cost * 1e6:.1f} us a delivery"
        what = f"cost per delivery at {MANY:,} users over that at {FEW}, {name}"
        if goal is None:
            found.append(Row(what, measured))
        else:
            found.append(Row(what, measured, f"at most {goal:g}", middle <= goal))
    return found


if __name__ == "__main__":
    main(rows)
