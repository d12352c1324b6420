"""POS: a random priority per gate, drawn again for gates that race with the one just answered.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018. Two gates race when they share a lane. Time is a
gate of its own, drawn again each time it is asked.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush

from crosstalk.schedule.loop import UNSEEN, Gate


class POS:
    """The open gates are a heap by priority; an entry whose gate has another priority by now is passed over."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.haste = 0.0

    def begin(self) -> None:
        self.haste = self.source.choice((0.0, 0.5, 0.9))
        self.heap: list[tuple[float, int, Gate]] = []
        self.lanes: dict[int, list[Gate]] = {}
        self.entries = 0

    def _enter(self, gate: Gate) -> None:
        gate.priority = priority = self.source.random()
        self.entries += 1
        heappush(self.heap, (-priority, self.entries, gate))

    def choose(self, gates: list[Gate], can_hold: bool) -> int:
        heap, lanes = self.heap, self.lanes
        for gate in reversed(gates):  # new ones are the last
            if gate.priority != UNSEEN:
                break
            self._enter(gate)
            lanes.setdefault(gate.lane, []).append(gate)
        while heap[0][2].priority != -heap[0][0]:
            heappop(heap)
        best = heap[0][2]
        if can_hold and self.source.random() * self.haste > best.priority:
            return len(gates) + 1
        racing = lanes[best.lane] = [g for g in lanes[best.lane] if g is not best and g.priority != UNSEEN]
        for gate in racing:
            self._enter(gate)
        return gates.index(best) + 1
