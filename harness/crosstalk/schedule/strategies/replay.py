"""Replay: the choices of a tape; beyond its end, and where a choice no longer fits, plain order."""

from __future__ import annotations

from collections.abc import Sequence

from crosstalk.schedule.loop import Gates


class Replay:
    def __init__(self, tape: Sequence[int]) -> None:
        self.tape = tape
        self.position = 0

    def begin(self) -> None:
        self.position = 0

    def choose(self, gates: Gates, can_hold: bool) -> int:
        if self.position >= len(self.tape):
            return 0
        choice = self.tape[self.position]
        self.position += 1
        return choice if choice <= len(gates) + can_hold else 0
