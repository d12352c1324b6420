"""The clock and the dice as code under test sees them, tied to the run.

While a run plays, `time.time`, `datetime.now` and their like answer from the run's virtual time (time-machine replaces
them in C, so also where a module copied the name), and so do `monotonic` and `perf_counter`, as module attributes and
where a module under test copied the name. `random` is seeded alike in every run, and `os.urandom`, with it `uuid4` and
`secrets`, answers from a seeded generator. Everything is as before afterwards.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosstalk.schedule.loop import VirtualLoop

EPOCH = 1_750_000_000.0

_kept = False
_copied: list[tuple[dict[str, Any], str, str]] = []
_NAMES = ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
_REAL = {name: getattr(time, name) for name in _NAMES}


def tie_copies(module: ModuleType) -> None:
    """Remember the names that `module` copied (`from time import monotonic`), to be tied while runs play."""
    for name, value in list(vars(module).items()):
        for real in _NAMES:
            if value is _REAL[real] and not any(space is vars(module) and known == name for space, known, _ in _copied):
                _copied.append((vars(module), name, real))


def untie_copies(module: ModuleType) -> None:
    """Forget what `tie_copies` remembers of a module that is given up."""
    _copied[:] = [entry for entry in _copied if entry[0] is not vars(module)]


@contextmanager
def dice_kept() -> Iterator[None]:
    """Put `random` back as it was only after the block, however many runs play in it."""
    global _kept
    state, before = random.getstate(), _kept
    _kept = True
    try:
        yield
    finally:
        _kept = before
        random.setstate(state)


@contextmanager
def tied_to(loop: VirtualLoop, seed: int = 0) -> Iterator[None]:
    """Tie clock and dice to the virtual time of `loop` within the block."""
    dice: random.Random | None = None

    def urandom_of_the_run(count: int) -> bytes:
        nonlocal dice
        if dice is None:
            dice = random.Random(seed)
        return dice.randbytes(count)

    state = None if _kept else random.getstate()
    random.seed(seed)
    answers: dict[str, Any] = {
        "monotonic": loop.time,
        "monotonic_ns": lambda: int(loop.now * 1e9),
        "perf_counter": loop.time,
        "perf_counter_ns": lambda: int(loop.now * 1e9),
    }
    urandom = os.urandom
    for name, answer in answers.items():
        setattr(time, name, answer)
    for space, name, real in _copied:
        space[name] = answers[real]
    os.urandom = urandom_of_the_run
    random._urandom = urandom_of_the_run  # type: ignore[attr-defined]
    import time_machine  # brings pytest with it, which a process that measures in real time can do without

    travel = time_machine.travel(EPOCH + loop.now, tick=False)
    traveller = travel.start()
    loop.on_time = lambda now: traveller.move_to(EPOCH + now)
    try:
        yield
    finally:
        loop.on_time = None
        travel.stop()
        os.urandom = urandom
        random._urandom = urandom  # type: ignore[attr-defined]
        for name, original in _REAL.items():
            setattr(time, name, original)
        for space, name, real in _copied:
            space[name] = _REAL[real]
        if state is not None:
            random.setstate(state)
