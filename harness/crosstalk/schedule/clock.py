"""The clock and the dice as code under test sees them, tied to the run.

While a run plays, the functions of `time`, `random`, `os.urandom` and with it `uuid4` and `secrets` answer from the
run's virtual time and from a generator seeded alike in every run, so that a replay is exact. They are replaced as
module attributes for just that long: a broadcaster that did `from time import time` keeps the real one.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

EPOCH = 1_750_000_000.0


@contextmanager
def tied_to(now: Callable[[], float], seed: int = 0) -> Iterator[None]:
    """Tie clock and dice to `now` (virtual seconds) within the block; everything is as before after it."""
    dice = random.Random(seed)
    answers: tuple[tuple[Any, str, Any], ...] = (
        (time, "time", lambda: EPOCH + now()),
        (time, "time_ns", lambda: int((EPOCH + now()) * 1e9)),
        (time, "monotonic", now),
        (time, "monotonic_ns", lambda: int(now() * 1e9)),
        (time, "perf_counter", now),
        (time, "perf_counter_ns", lambda: int(now() * 1e9)),
        (os, "urandom", dice.randbytes),
        (random, "_urandom", dice.randbytes),
        *((random, name, getattr(dice, name)) for name in _DICE),
    )
    before = [getattr(module, name) for module, name, _ in answers]
    for module, name, answer in answers:
        setattr(module, name, answer)
    try:
        yield
    finally:
        for (module, name, _), real in zip(answers, before, strict=True):
            setattr(module, name, real)


_DICE = (
    "random",
    "randint",
    "randrange",
    "choice",
    "choices",
    "shuffle",
    "sample",
    "uniform",
    "getrandbits",
    "randbytes",
)
