"""Runs per second of the whole pipeline against `detangle.run` playing the same work, with no recording and no check.

detangle (PyPI) explores the schedules of any async function; `detangle.run(seed=n)` plays one random schedule. What
each side does in a run, on the same program and the same broadcaster:

* Both: a fresh loop with virtual time, a task for each call, one decision wherever more than one thing could go on, the
  decisions kept for a replay, Python's `random` seeded.
* detangle only: each task step is a choice of its own, so it decides more often; it hashes the order of all steps.
* Crosstalk only: `time` and `os.urandom` tied to the run, a watchdog for the thread; events minted with canaries; every
  call and send recorded; a probe for every user at the end; all checks.

The sockets that detangle plays on take one turn of the loop for a send, as in pipeline.py, and encode and keep nothing.
Plain asyncio against detangle, the last row, is how far a pipeline could get that is as quick as asyncio and did none
of what only Crosstalk does: where that is below the goal, no such pipeline can meet it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import detangle
import work
from pipeline import ours
from sidebyside import Row, compare, main

from crosstalk.reference.hub import Hub as Reference
from crosstalk.scenarios.runner import many_runs


def theirs(factory: Callable[[], Any], probe: bool = False, random: bool = True) -> Callable[[], None]:
    seeds = itertools.count()

    def once() -> None:
        detangle.run(lambda: work.by_hand(factory, probe=probe), seed=next(seeds) if random else None)

    return once


def rows(quick: bool) -> list[Row]:
    pairs = 8 if quick else 40
    with asyncio.Runner() as runner, many_runs():
        return [
            compare(ours(work.Hub), theirs(work.Hub), pairs).row(
                "full pipeline against detangle.run (a random schedule each), runs/s, the same work", 3.0
            ),
            compare(ours(work.Hub), theirs(work.Hub, probe=True), pairs).row("… where detangle plays the probes too"),
            compare(ours(work.Hub), theirs(work.Hub, random=False), pairs).row("… where detangle plays plain order"),
            compare(ours(Reference), theirs(Reference), pairs).row("… on the embedded reference broadcaster"),
            compare(lambda: runner.run(work.by_hand(work.Hub)), theirs(work.Hub), pairs).row(
                "plain asyncio on one loop, which neither records nor checks, against detangle.run"
            ),
        ]


if __name__ == "__main__":
    main(rows)
