"""What is shown while an examination goes on: a live line on a terminal, with rich where that is installed; in a CI log
a plain line every few seconds; elsewhere nothing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from crosstalk.model.verdict import Explored
from crosstalk.reporting.legible import printable

if TYPE_CHECKING:
    from crosstalk.live_examination import Progress

Show = Callable[[float, float, str], None]
"""To be told how much is done, of how much, and what is to be said."""
EVERY = 5.0
"""Seconds between two lines of a CI log."""
OFTEN = 0.1
"""Seconds between two changes of a live line."""
_WIDTH = 110


@contextmanager
def progress(
    quiet: bool, to: TextIO | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[Show | None]:
    """What to tell how far it is; None where nobody looks. Everything goes to standard error."""
    stream = to if to is not None else sys.stderr
    if quiet:
        yield None
    elif environment.get("CI"):
        yield _seldom(lambda done, of, words: _write(stream, f"crosstalk: {words}\n"), EVERY, time.monotonic())
    elif not stream.isatty():
        yield None
    elif importlib.util.find_spec("rich") is not None:
        with _bar(stream) as show:
            yield _seldom(show, OFTEN)
    else:
        try:
            yield _seldom(lambda done, of, words: _write(stream, f"\r{words[:_WIDTH]:<{_WIDTH}}"), OFTEN)
        finally:
            _write(stream, "\r" + " " * _WIDTH + "\r")


def exploring(show: Show | None, budget: float) -> Callable[[Explored, int], None] | None:
    """What an exploration of `budget` seconds tells: what has been explored, and how many distinct violations."""
    if show is None:
        return None
    return lambda explored, violations: show(explored.seconds, budget, words(explored, violations, budget))


def words(explored: Explored, violations: int, budget: float) -> str:
    return (
        f"{explored.programs:,} programs, {explored.schedules:,} schedules, {explored.deliveries:,} deliveries, "
        f"{violations} distinct violation{'s' * (violations != 1)}, {explored.seconds:.0f} s of {budget:g} s"
    )


def living(show: Show | None) -> Callable[[Progress], None] | None:
    """What a live run tells."""
    if show is None:
        return None
    return lambda now: show(min(now.elapsed, now.seconds), now.seconds, live_words(now))


def live_words(now: Progress) -> str:
    """How long it will take yet, leaks, users, runs, deliveries, latency: a narrow terminal cuts the end off."""
    left = now.seconds - now.elapsed
    until = f"{left:.0f} s left" if left > 0 else "the last runs end"
    return (
        f"{until}, {now.leaks:,} leak{'s' * (now.leaks != 1)}, {now.up:,} connections of {now.users:,} users, "
        f"{now.runs:,} runs, {now.deliveries:,} deliveries, first event p95 {now.p95 * 1e3:,.0f} ms"
    )


def soaking(show: Show | None) -> Callable[[Progress], None] | None:
    """What a soak of a running system tells: how many of its users have come, each of whom asks for one run."""
    if show is None:
        return None
    return lambda now: show(
        now.runs,
        now.users,
        f"{now.runs:,} of {now.users:,} users have come, {now.up:,} connections, {now.leaks:,} "
        f"leak{'s' * (now.leaks != 1)}, {now.deliveries:,} deliveries, first event p95 {now.p95 * 1e3:,.0f} ms",
    )


def refusing(show: Show | None) -> Callable[[str, int, int], None] | None:
    """What trying who must not get in tells: which refusal is done, how many are, of how many."""
    if show is None:
        return None
    return lambda name, done, of: show(done, of, f"{done} of {of} refusals: {printable(name)}")


def _seldom(show: Show, every: float, latest: float = 0.0) -> Show:
    """`show`, but not more often than every so many seconds."""

    def told(done: float, of: float, text: str) -> None:
        nonlocal latest
        now = time.monotonic()
        if now - latest >= every:
            latest = now
            show(done, of, text)

    return told


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


@contextmanager
def _bar(stream: TextIO) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(file=stream, highlight=False)
    wide = min(18, console.width // 8)
    most = console.width - wide - 2
    columns = (BarColumn(bar_width=wide), TextColumn("{task.description}", markup=False))
    # no thread of its own: the loops of the runs are not to be disturbed
    with Bar(*columns, console=console, transient=True, auto_refresh=False) as shown:
        task = shown.add_task("starting", total=1)

        def show(done: float, of: float, text: str) -> None:
            cut = text if len(text) <= most else f"{text[: most - 1]}…"
            shown.update(task, completed=done, total=of, description=cut, refresh=True)

        yield show
