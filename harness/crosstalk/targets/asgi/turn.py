"""Waiting until the schedule lets something go on that in production takes its moment: a thread, an HTTP client."""

from __future__ import annotations

import asyncio

from crosstalk.schedule.loop import Gate, VirtualLoop

LONGEST = 0.02
"""Virtual seconds that it may keep its caller waiting: the clock may move meanwhile, but not by a day."""


async def turn(kind: str) -> None:
    """Returns when the schedule lets it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    begin = loop.create_future()

    def let() -> None:
        if not begin.done():
            begin.set_result(None)

    gate = Gate(-1, kind, let)
    loop.open(gate)
    latest = loop.call_later(LONGEST, let)
    try:
        await begin
    finally:
        latest.cancel()
        loop.withdraw(gate)
