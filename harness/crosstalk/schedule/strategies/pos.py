"""POS: a random priority per gate, drawn again for gates that race with the one just answered.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018. Two gates race when they share a lane.
"""

from __future__ import annotations

import random

from crosstalk.schedule.loop import Gate


class POS:
    def __init__(self, source: random.Random) -> None:
        self.source = source

    def begin(self) -> None:
        pass

    def choose(self, gates: list[Gate], can_hold: bool) -> int:
        draw = self.source.random
        best = 0
        for index, gate in enumerate(gates):
            if gate.priority < 0:
                gate.priority = draw()
            if gate.priority > gates[best].priority:
                best = index
        lane = gates[best].lane
        for gate in gates:
            if gate.lane == lane:
                gate.priority = -1.0
        return best + 1
