"""A watchdog for the thread itself: no loop can interrupt code that never awaits, a signal can."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_WALL, _PROCESSOR = time.monotonic, time.thread_time
_SPINNING = 0.7
"""A thread that had this share of the time was kept busy by its own code, whatever else the machine does."""
_ASLEEP = 0.02
"""A thread that had less than this share of the last second was waiting; on a busy machine it would have got more."""
_AT_MOST = 10
"""So many times the limit of wall time are too long, whoever used them; of processor time, though code awaits."""

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


class _Watch:
    """One block that is watched."""

    __slots__ = ("barked", "beat", "began", "last", "limit", "pulse", "seconds", "start", "used")

    def __init__(self, seconds: float, pulse: Callable[[], object]) -> None:
        self.seconds = seconds
        self.pulse = pulse
        self.barked = ""
        self.start = _elapsed()[1]
        self.awaited()

    def awaited(self) -> None:
        """The time counts from now on."""
        self.beat = self.pulse()
        self.last = self.began, self.used = _elapsed()
        self.limit = _WALL() + _AT_MOST * self.seconds


def _elapsed() -> tuple[float, float]:
    return _WALL() - _own[0], _PROCESSOR() - _own[1]


_watch: _Watch | None = None
_ticking = False


def _bark(number: int, frame: Any) -> None:
    watch = _watch
    if watch is None:
        return
    wall, processor = _elapsed()
    if watch.pulse() != watch.beat and not watch.barked:
        watch.awaited()
        if processor - watch.start < _AT_MOST * watch.seconds:
            return
        watch.barked = f"kept the thread busy for {_AT_MOST * watch.seconds:.0f} s in all"
    if watch.barked:
        raise ThreadBlocked(watch.barked)
    asleep = processor - watch.last[1] < _ASLEEP * (wall - watch.last[0])
    watch.last = wall, processor
    if _WALL() < watch.limit:
        # an alarm before the time is only there to see the last second begin
        if _working or wall - watch.began < watch.seconds * 0.99:
            return
        if not asleep and processor - watch.used < watch.seconds * _SPINNING:
            return
    watch.barked = f"kept the thread for {watch.seconds:.0f} s without awaiting"
    raise ThreadBlocked(watch.barked)


def _can_tick() -> bool:
    return threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")


@contextmanager
def ticking(first: float = 1.0) -> Iterator[None]:
    """Let the clock of all watchdogs in the block tick once a second, rather than start and stop it for each."""
    global _ticking
    if _ticking or not _can_tick():
        yield
        return
    before = signal.signal(signal.SIGALRM, _bark)
    signal.setitimer(signal.ITIMER_REAL, first, 1.0)
    _ticking = True
    try:
        yield
    finally:
        _ticking = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def watchdog(seconds: float, pulse: Callable[[], object] = int) -> Iterator[None]:
    """Raise ThreadBlocked inside the block after `seconds` of wall time, and each second again while it goes on.

    `pulse` gives another value once the code has awaited, and the time begins anew. It waits longer for a thread that
    is neither spinning nor asleep: a busy machine has kept it waiting.

    Without effect off the main thread and where the system has no interval timer.
    """
    global _watch
    if not _can_tick():
        yield
        return
    before, _watch = _watch, _Watch(seconds, pulse)
    try:
        if _ticking:
            yield
        else:
            with ticking(max(seconds - 1.0, seconds / 2)):
                yield
    finally:
        _watch = before
