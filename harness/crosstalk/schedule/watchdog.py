"""A watchdog for the thread itself: no loop can interrupt code that never awaits, a signal can."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WALL, _PROCESSOR = time.monotonic, time.thread_time
_SPINNING = 0.7
"""A thread that had this share of the time was kept busy by its own code, whatever else the machine does."""
_ASLEEP = 0.02
"""A thread that had less than this share of the last second was waiting; on a busy machine it would have got more."""
_AT_MOST = 10
"""So many times the limit of wall time are too long, whoever used them."""

_own = [0.0, 0.0]  # wall and processor time of the harness's own work, of all `unwatched` blocks that are over
_working = 0


class ThreadBlocked(BaseException):
    """The code under test kept the thread without awaiting; not an Exception, lest it be swallowed."""


@contextmanager
def unwatched() -> Iterator[None]:
    """What the block does is the harness's own work: it may take long in a large process, and no watchdog counts it."""
    global _working
    began, used = _WALL(), _PROCESSOR()
    _working += 1
    try:
        yield
    finally:
        _working -= 1
        if not _working:
            _own[0] += _WALL() - began
            _own[1] += _PROCESSOR() - used


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """Raise ThreadBlocked inside the block after `seconds` of wall time, and each second again while it goes on.

    It waits longer for a thread that is neither spinning nor asleep: a busy machine has kept it waiting.

    Without effect off the main thread and where the system has no interval timer.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def elapsed() -> tuple[float, float]:
        return _WALL() - _own[0], _PROCESSOR() - _own[1]

    began, used = last = elapsed()
    limit = _WALL() + _AT_MOST * seconds

    def bark(number: int, frame: Any) -> None:
        nonlocal last
        wall, processor = elapsed()
        asleep = processor - last[1] < _ASLEEP * (wall - last[0])
        last = wall, processor
        if _WALL() < limit:
            # the first alarm, a second early, is only there to see the last second begin
            if _working or wall - began < seconds * 0.99:
                return
            if not asleep and processor - used < seconds * _SPINNING:
                return
        raise ThreadBlocked(f"kept the thread for {seconds:.0f} s without awaiting")

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, max(seconds - 1.0, seconds / 2), 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
