"""Runs per second of the whole pipeline against `detangle.run` playing the same work, with no recording and no check.

detangle (PyPI) explores the schedules of any async function; `detangle.run(seed=n)` plays one random schedule. Its
sockets take one turn of the loop for a send, as in pipeline.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import detangle
import work
from pipeline import ours
from sidebyside import Row, compare, main

from crosstalk.reference.hub import Hub as Reference


def theirs(factory: Callable[[], Any], probe: bool = False, random: bool = True) -> Callable[[], None]:
    seeds = itertools.count()

    def once() -> None:
        detangle.run(lambda: work.by_hand(factory, probe=probe), seed=next(seeds) if random else None)

    return once


def rows(quick: bool) -> list[Row]:
    pairs = 8 if quick else 40
    return [
        compare(ours(work.Hub), theirs(work.Hub), pairs).row(
            "full pipeline against detangle.run (a random schedule each), runs/s, the same work", 3.0
        ),
        compare(ours(work.Hub), theirs(work.Hub, probe=True), pairs).row("… where detangle plays the probes too"),
        compare(ours(work.Hub), theirs(work.Hub, random=False), pairs).row("… where detangle plays plain order"),
        compare(ours(Reference), theirs(Reference), pairs).row("… on the embedded reference broadcaster"),
    ]


if __name__ == "__main__":
    main(rows)
