"""Settled: one step at a time, each in a quiet world. What plain code without concurrency would see.

A step arrives only when everything else has been answered and the timers due soon have fired; tracks take turns. What a
run under this schedule shows depends on what the broadcaster does, and on no race between steps. `brisk` steps don't
wait for timers: time moves only where the program waits. With a random `source` the answers within a step come in any
order.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from crosstalk.schedule.loop import Gates

ARRIVAL = 1 << 20
PATIENCE = 60
"""Answers and moves of the clock between two arrivals; a broadcaster that pings for ever never becomes quiet."""


class Settled:
    def __init__(self, source: random.Random | None = None, brisk: bool = False) -> None:
        self.source = source
        self.brisk = brisk

    def begin(self) -> None:
        self.waited = 0
        self.turns: dict[int, int] = {}

    def choose(self, gates: Gates, can_hold: bool) -> int:
        self.waited += 1
        if self.waited <= PATIENCE:
            answers = [index for index, gate in enumerate(gates) if gate.lane < ARRIVAL]
            if answers:
                return 1 + (self.source.choice(answers) if self.source is not None else answers[0])
            if can_hold and not (self.brisk and _idle()):
                return len(gates) + 1
        turns = self.turns
        arrivals = [(turns.get(g.lane, 0), g.lane, index) for index, g in enumerate(gates) if g.lane >= ARRIVAL]
        if not arrivals:
            return 0
        count, lane, index = min(arrivals)
        turns[lane] = count + 1
        self.waited = 0
        return index + 1


def _idle() -> bool:
    """Whether only a timer could make the running loop do anything."""
    loop: Any = asyncio.get_running_loop()
    return not loop._ready
