"""A watchdog for the thread itself: no loop can interrupt code that never awaits, a signal can."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # not every system counts that for a thread
    _given_up = itertools.count().__next__
else:

    def _given_up() -> int:
        """How often the thread has given up the processor of its own accord, as sleeping code does."""
        return getrusage(RUSAGE_THREAD).ru_nvcsw


_WALL, _PROCESSOR = time.monotonic, time.thread_time
_SPINNING = 0.7
"""A thread that had this share of the time was kept busy by its own code, whatever else the machine does."""
_ASLEEP = 0.02
"""A thread that had less than this share of each of the last two seconds, and gave the processor up itself, was asleep.
One that did not give it up is kept waiting by a busy machine, which may leave it as little."""
_AT_MOST = 10
"""So many times the limit of wall time are too long for a thread that waits; of processor time, though code awaits."""

UNSEEN = -1.0

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
    """One block that is watched. `start` is UNSEEN until its processor time is looked at: at its first alarm, for most
    blocks are over before, and every run would pay for a call of the system."""

    __slots__ = (
        "asleep",
        "barked",
        "beat",
        "began",
        "given_up",
        "last",
        "limit",
        "pulse",
        "seconds",
        "start",
        "used",
        "waits",
    )

    def __init__(self, seconds: float, pulse: Callable[[], object]) -> None:
        self.seconds = seconds
        self.pulse = pulse
        self.barked = ""
        self.beat = pulse()
        self.began = _WALL() - _own[0]
        self.limit = _WALL() + _AT_MOST * seconds
        self.start = UNSEEN
        self.asleep = 0
        self.waits = False

    def look(self) -> None:
        """Look at the processor time for the first time."""
        self.last = _elapsed()
        self.start = self.used = self.last[1]
        self.given_up = _given_up()

    def awaited(self) -> None:
        """The time counts from now on."""
        self.beat = self.pulse()
        self.last = self.began, self.used = _elapsed()
        self.limit = _WALL() + _AT_MOST * self.seconds
        self.given_up = _given_up()
        self.asleep = 0
        self.waits = False

    def slept(self, wall: float, processor: float) -> None:
        """See whether the thread was asleep since the last alarm; each wakes it up, and it goes to sleep again."""
        given_up = _given_up()
        waits = given_up != self.given_up
        little = processor - self.last[1] < _ASLEEP * (wall - self.last[0])
        self.asleep = self.asleep + 1 if waits and little else 0
        self.waits = self.waits or waits
        self.last, self.given_up = (wall, processor), given_up


def _elapsed() -> tuple[float, float]:
    return _WALL() - _own[0], _PROCESSOR() - _own[1]


_watch: _Watch | None = None
_ticking = False


def _bark(number: int, frame: Any) -> None:
    watch = _watch
    if watch is None:
        return
    if watch.start == UNSEEN:
        watch.look()
    wall, processor = _elapsed()
    if watch.pulse() != watch.beat and not watch.barked:
        watch.awaited()
        if processor - watch.start < _AT_MOST * watch.seconds:
            return
        watch.barked = f"kept the thread busy for {_AT_MOST * watch.seconds:.0f} s in all"
    if watch.barked:
        raise ThreadBlocked(watch.barked)
    watch.slept(wall, processor)
    if wall - watch.began < watch.seconds * 0.99:
        return  # an alarm before the time is only there to see the last seconds begin
    enough = watch.seconds * (_AT_MOST if _working else _SPINNING)
    asleep = watch.asleep >= 2 and not _working
    if not asleep and processor - watch.used < enough and (_WALL() < watch.limit or not watch.waits):
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
    is neither spinning nor asleep: a busy machine has kept it waiting, however little it is given.

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
            _watch.look()
            with ticking(max(seconds - 1.0, seconds / 2)):
                yield
    finally:
        _watch = before
