"""Plain order: the world answers at once, as plain asyncio with a perfect network would see it."""

from __future__ import annotations

from crosstalk.schedule.loop import Gates


class Plain:
    def begin(self) -> None:
        pass

    def choose(self, gates: Gates, can_hold: bool) -> int:
        return 0
