"""What is shown while an exploration goes on: a live line on a terminal, with rich where that is installed; in a CI log
a plain line every few seconds; elsewhere nothing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from crosstalk.model.verdict import Explored

Told = Callable[[Explored, int], None]
EVERY = 5.0
"""Seconds between two lines of a CI log."""
_WIDTH = 92


@contextmanager
def progress(
    budget: float, quiet: bool, to: TextIO | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[Told | None]:
    """What to tell how far it is, once what has been explored and how many distinct violations; None where nobody
    looks. Everything goes to standard error."""
    stream = to if to is not None else sys.stderr
    if quiet:
        yield None
    elif environment.get("CI"):
        yield _lines(stream, budget)
    elif not stream.isatty():
        yield None
    elif importlib.util.find_spec("rich") is not None:
        with _bar(stream, budget) as told:
            yield told
    else:
        yield _line(stream)
        stream.write("\r" + " " * _WIDTH + "\r")
        stream.flush()


def words(explored: Explored, violations: int) -> str:
    return (
        f"{explored.programs:,} programs, {explored.schedules:,} schedules, {explored.deliveries:,} deliveries, "
        f"{violations} distinct violation{'s' * (violations != 1)}, {explored.seconds:.0f} s"
    )


def _lines(stream: TextIO, budget: float) -> Told:
    latest = time.monotonic()

    def told(explored: Explored, violations: int) -> None:
        nonlocal latest
        if time.monotonic() - latest < EVERY:
            return
        latest = time.monotonic()
        stream.write(f"crosstalk: {words(explored, violations)} of {budget:g} s\n")
        stream.flush()

    return told


def _line(stream: TextIO) -> Told:
    latest = 0.0

    def told(explored: Explored, violations: int) -> None:
        nonlocal latest
        if time.monotonic() - latest < 0.1:
            return
        latest = time.monotonic()
        stream.write(f"\r{words(explored, violations)[:_WIDTH]:<{_WIDTH}}")
        stream.flush()

    return told


@contextmanager
def _bar(stream: TextIO, budget: float) -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=stream, highlight=False)
    columns = (BarColumn(bar_width=18), TextColumn("{task.description}", markup=False))
    latest = 0.0
    # no thread of its own: the loops of the runs are not to be disturbed
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as shown:
        task = shown.add_task("starting", total=budget)

        def told(explored: Explored, violations: int) -> None:
            nonlocal latest
            if time.monotonic() - latest < 0.1:
                return
            latest = time.monotonic()
            shown.update(task, completed=explored.seconds, description=words(explored, violations), refresh=True)

        yield told
