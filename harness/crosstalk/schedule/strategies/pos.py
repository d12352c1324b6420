"""POS: a random priority per gate, drawn again for gates that race with the one just answered.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018. Two gates race when they share a lane. Time is a
gate of its own, drawn again each time it is asked.
"""

from __future__ import annotations

import random

from crosstalk.schedule.loop import Gate


class POS:
    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.haste = 0.0

    def begin(self) -> None:
        self.haste = self.source.choice((0.0, 0.5, 0.9))

    def choose(self, gates: list[Gate], can_hold: bool) -> int:
        draw = self.source.random
        best = 0
        for index, gate in enumerate(gates):
            if gate.priority < 0:
                gate.priority = draw()
            if gate.priority > gates[best].priority:
                best = index
        if can_hold and draw() * self.haste > gates[best].priority:
            return len(gates) + 1
        lane = gates[best].lane
        for gate in gates:
            if gate.lane == lane:
                gate.priority = -1.0
        return best + 1
