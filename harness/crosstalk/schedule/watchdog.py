"""A watchdog of wall time for the thread itself: no loop can interrupt code that never awaits, a signal can."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WALL, _PROCESSOR = time.monotonic, time.thread_time


class ThreadBlocked(BaseException):
    """The code under test kept the thread without awaiting; not an Exception, lest it be swallowed."""


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """Raise ThreadBlocked inside the block after `seconds` of wall time, and each second again while it goes on.

    On a busy machine it waits longer for a thread that has had some processor time, but less than it asked for.

    Without effect off the main thread and where the system has no interval timer.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    began, used = _WALL(), _PROCESSOR()

    def bark(number: int, frame: Any) -> None:
        spent = _PROCESSOR() - used
        if 0.1 < spent < seconds * 0.7 and _WALL() - began < 6 * seconds:
            return  # neither asleep nor spinning: starved by others
        raise ThreadBlocked(f"kept the thread for {seconds:.0f} s without awaiting")

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
