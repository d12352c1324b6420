"""Runs per second of the whole pipeline, recording and all checks, against plain asyncio that has neither.

Plain asyncio is the stock loop, one for all runs (`asyncio.Runner`), with sockets whose send takes one turn of the
loop. Ours plays the schedules that an examination plays, and judges each run by every check. Ours also ends each run
with a probe for every user, which is work that plain asyncio is spared, but for the row that says otherwise.

The floor is plain asyncio's own code on our loop, one for each run, with the clock and the dice tied to it and under
the watchdog; schedules answer the sends. It records and checks nothing: no pipeline on asyncio's tasks is quicker.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

import work
from sidebyside import Row, compare, main

from crosstalk.checks import check_all
from crosstalk.examination import mix, open_target
from crosstalk.reference.hub import Hub as Reference
from crosstalk.scenarios.runner import WALL, many_runs
from crosstalk.schedule.clock import tied_to
from crosstalk.schedule.loop import Gate, Strategy, VirtualLoop
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.watchdog import watchdog


class Answered:
    """A socket whose sends the schedule answers."""

    numbers = itertools.count()

    def __init__(self) -> None:
        self.lane = next(self.numbers)

    async def send_json(self, data: Any) -> None:
        loop: Any = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.open(Gate(self.lane, "send", lambda: answer.set_result(None)))
        await answer


def floor(strategies: list[Strategy]) -> Callable[[], None]:
    """One call plays the work once on our loop, and keeps nothing of it."""
    turns = itertools.cycle(strategies)

    def once() -> None:
        strategy = next(turns)
        strategy.begin()
        loop = VirtualLoop(strategy)
        with tied_to(loop), watchdog(WALL, loop.pulse), loop:
            played = loop.create_task(work.by_hand(work.Hub, socket=Answered))
            loop.settle(0.0)
            played.result()
        loop.gates.kept = None
        loop.close()

    return once


def mixed() -> list[Strategy]:
    return [strategy for _, strategy in mix(random.Random(0))]


def ours(factory: Callable[[], Any], strategies: tuple[Strategy, ...] | None = None) -> Callable[[], None]:
    """One call plays the work once and judges it."""
    examination = open_target(factory)
    turns = itertools.cycle(strategies or mixed())
    played = work.program()

    def once() -> None:
        history, _ = examination.run(played, next(turns))
        for result in check_all(history).values():
            if result.violations:
                raise AssertionError(f"a violation on a correct broadcaster: {result.violations[0]}")
        if len(history.send_start) != work.USERS * work.CONNECTIONS * (work.EVENTS + 1):
            raise AssertionError("this is not the work that was meant")

    return once


def a_loop_a_run(factory: Callable[[], Any]) -> Callable[[], None]:
    return lambda: asyncio.run(work.by_hand(factory, probe=True))


def rows(quick: bool) -> list[Row]:
    pairs = 8 if quick else 40
    with asyncio.Runner() as runner, many_runs():

        def plain(factory: Callable[[], Any], probe: bool = False) -> Callable[[], None]:
            return lambda: runner.run(work.by_hand(factory, probe=probe))

        return [
            compare(ours(work.Hub), plain(work.Hub), pairs).row(
                "full pipeline against plain asyncio, runs/s, 3 users x 2 connections x 5 events", 0.5
            ),
            compare(ours(work.Hub), plain(work.Hub, probe=True), pairs).row(
                "… where plain asyncio plays the probes too"
            ),
            compare(ours(work.Hub), a_loop_a_run(work.Hub), pairs).row(
                "… and each of its runs has a fresh loop, as ours has and as `asyncio.run` makes it"
            ),
            compare(ours(work.Hub, (Plain(),)), plain(work.Hub), pairs).row("… in plain order only"),
            compare(ours(Reference), plain(Reference), pairs).row("… on the embedded reference broadcaster"),
            compare(floor(mixed()), plain(work.Hub), pairs).row("the floor: our loop and schedules, nothing recorded"),
            compare(floor([Plain()]), plain(work.Hub), pairs).row("… in plain order only"),
        ]


if __name__ == "__main__":
    main(rows)
