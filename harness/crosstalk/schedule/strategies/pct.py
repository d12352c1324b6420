"""PCT: random lane priorities with a few priority change points.

Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs,
ASPLOS 2010. A lane is a socket or a track, and time itself is one: where it has the highest priority nothing is
answered and the clock moves on. Otherwise the open gate whose lane has the highest priority is answered. At `depth` - 1
random steps the lane just chosen falls below all others.

On a slow network the sockets' lanes begin below those of the tracks: users come and go while what is under way still
is. Most hand-overs that go wrong need that.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush

from crosstalk.schedule.loop import UNSEEN, Gates

TIME = -2


class PCT:
    """The open gates are a heap by priority; an entry whose gate has another priority by now is passed over.

    Priorities are kept with the opposite sign, so that the heap's first is the highest.
    """

    def __init__(self, source: random.Random, depth: int, length: int = 60, slow: bool = False) -> None:
        self.source = source
        self.depth = depth
        self.length = length
        self.slow = slow

    def begin(self) -> None:
        # time seldom leads, for then every timer fires before anybody is answered
        self.priorities: dict[int, float] = {TIME: 0.5 - self.source.random()}
        self.changes = {self.source.randrange(self.length) for _ in range(self.depth - 1)}
        self.step = 0
        self.entries = 0

    def choose(self, gates: Gates, can_hold: bool) -> int:
        priorities, heap = self.priorities, gates.kept
        if heap is None:
            heap = gates.kept = []
        for gate in reversed(gates):  # new ones are the last
            if gate.priority != UNSEEN:
                break
            priority = priorities.get(gate.lane)
            if priority is None:
                behind = self.slow and gate.kind != "arrival"
                priority = priorities[gate.lane] = behind - self.source.random()
            gate.priority = priority
            self.entries += 1
            heappush(heap, (priority, self.entries, gate))
        priority, _, best = heap[0]
        while best.priority != priority:
            heappop(heap)
            priority, _, best = heap[0]
        hold = can_hold and priorities[TIME] < priority
        if hold:
            choice = len(gates) + 1
        else:
            choice = gates.index(best) + 1
            heappop(heap)
        step = self.step
        self.step = step + 1
        if step in self.changes:
            lane = TIME if hold else best.lane
            lowest = priorities[lane] = step + 2.0
            for gate in gates:
                if gate.lane == lane and gate is not best:
                    gate.priority = lowest
                    self.entries += 1
                    heappush(heap, (lowest, self.entries, gate))
        return choice
