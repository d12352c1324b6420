"""Random walk: every choice is drawn afresh, with a leaning per run towards holding answers back."""

from __future__ import annotations

import random

from crosstalk.schedule.loop import Gates


class RandomWalk:
    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.patience = 0.0

    def begin(self) -> None:
        self.patience = self.source.choice((0.0, 0.1, 0.5))

    def choose(self, gates: Gates, can_hold: bool) -> int:
        draw = self.source.random
        if can_hold and draw() < self.patience:
            return len(gates) + 1
        if draw() < 0.1:
            return 0
        return 1 + int(draw() * len(gates))
