"""PCT: random lane priorities with a few priority change points.

Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs,
ASPLOS 2010. A lane is a socket or a track, and time itself is one: where it has the highest priority nothing is
answered and the clock moves on. Otherwise the open gate whose lane has the highest priority is answered. At `depth` - 1
random steps the lane just chosen falls below all others.
"""

from __future__ import annotations

import random

from crosstalk.schedule.loop import Gate

TIME = -2


class PCT:
    def __init__(self, source: random.Random, depth: int, length: int = 60) -> None:
        self.source = source
        self.depth = depth
        self.length = length

    def begin(self) -> None:
        # time seldom leads, for then every timer fires before anybody is answered
        self.priorities: dict[int, float] = {TIME: self.source.random() - 0.5}
        self.changes = {self.source.randrange(self.length) for _ in range(self.depth - 1)}
        self.step = 0

    def choose(self, gates: list[Gate], can_hold: bool) -> int:
        priorities = self.priorities
        best, best_priority, lane = len(gates), priorities[TIME] if can_hold else -1e9, TIME
        for index, gate in enumerate(gates):
            priority = priorities.get(gate.lane)
            if priority is None:
                priority = priorities[gate.lane] = self.source.random()
            if priority > best_priority:
                best, best_priority, lane = index, priority, gate.lane
        if self.step in self.changes:
            priorities[lane] = -float(self.step) - 1.0
        self.step += 1
        return best + 1
