"""SwitchAt: the world answers at once, but one track arrives only at a chosen decision.

Played with every decision of a run in turn, it reaches every point at which that track's first step can come.
"""

from __future__ import annotations

from crosstalk.schedule.loop import Gates


class SwitchAt:
    """`lane` is held back until decision `first`, and once more until `gap` decisions later, and so on.

    `seen` counts the decisions of the run.
    """

    def __init__(self, lane: int, first: int, gap: int = 0, others: tuple[tuple[int, int], ...] = ()) -> None:
        self.lane = lane
        self.first = first
        self.gap = gap
        self.others = dict(others)

    def begin(self) -> None:
        self.seen = 0
        self.due = {self.lane: self.first, **{lane: self.first + later for lane, later in self.others.items()}}

    def choose(self, gates: Gates, can_hold: bool) -> int:
        self.seen += 1
        others = -1
        for index, gate in enumerate(gates):
            due = self.due.get(gate.lane)
            if due is None:
                others = index if others < 0 else others
            elif self.seen > due:
                self.due[gate.lane] = self.seen + self.gap
                return index + 1
        if others >= 0:
            return others + 1
        return len(gates) + 1 if can_hold else 0
