"""POS: a random priority per gate, drawn again for gates that race with the one just answered.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018. Two gates race when they share a lane. Time is a
gate of its own, drawn again each time it is asked.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush

from crosstalk.schedule.loop import UNSEEN, Gate, Gates

Entry = tuple[float, int, Gate]


class POS:
    """The open gates are a heap by priority; an entry whose gate has another priority by now is passed over.

    Priorities are kept with the opposite sign, so that the heap's first is the highest.
    """

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.haste = 0.0

    def begin(self) -> None:
        self.haste = self.source.choice((0.0, 0.5, 0.9))
        self.entries = 0

    def _enter(self, gate: Gate, heap: list[Entry]) -> None:
        gate.priority = priority = -self.source.random()
        self.entries += 1
        heappush(heap, (priority, self.entries, gate))

    def choose(self, gates: Gates, can_hold: bool) -> int:
        if gates.kept is None:
            gates.kept = [], {}
        heap: list[Entry]
        lanes: dict[int, list[Gate]]
        heap, lanes = gates.kept
        for gate in reversed(gates):  # new ones are the last
            if gate.priority != UNSEEN:
                break
            self._enter(gate, heap)
            lanes.setdefault(gate.lane, []).append(gate)
        priority, _, best = heap[0]
        while best.priority != priority:
            heappop(heap)
            priority, _, best = heap[0]
        if can_hold and self.source.random() * self.haste > -priority:
            return len(gates) + 1
        heappop(heap)
        racing = lanes[best.lane] = [g for g in lanes[best.lane] if g is not best and g.priority != UNSEEN]
        for gate in racing:
            self._enter(gate, heap)
        return gates.index(best) + 1
