"""Measuring two ways of doing the same work in one process, so that what else the machine does hits both alike.

The two take turns in short batches, each pair in the opposite order of the last. Each pair gives one ratio, and the
median of the ratios is the figure; the quartiles say how much it is worth. Times are processor time of this process:
nothing measured here sleeps, and on a shared machine wall time says more about the neighbours.

Automatic garbage collection is off, as in an examination; each batch ends with a collection, which counts.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One line of a table. `met` is None where there is no goal."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds per unit of ours and of the other, medians; and quartiles of other / ours (above 1: ours is faster)."""

    ours: float
    other: float
    low: float
    ratio: float
    high: float

    def row(self, what: str, goal: float | None = None) -> Row:
        rates = f"{1 / self.ours:,.0f} against {1 / self.other:,.0f} /s"
        measured = f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f}): {rates}"
        if goal is None:
            return Row(what, measured)
        return Row(what, measured, f"at least {goal:g}", self.ratio >= goal)


def seconds(work: Callable[[], object], times: int) -> float:
    """Processor seconds that one of `times` calls of `work` takes."""
    gc.collect()
    automatic = gc.isenabled()
    gc.disable()
    try:
        began = process_time()
        for _ in range(times):
            work()
        gc.collect()
        return (process_time() - began) / times
    finally:
        if automatic:
            gc.enable()


def compare(ours: Callable[[], object], other: Callable[[], object], pairs: int, times: int = 64) -> Comparison:
    """Measure `pairs` pairs of batches of `times` calls each."""
    ours(), other()
    gc.collect()
    gc.freeze()
    first: list[float] = []
    second: list[float] = []
    for number in range(pairs):
        if number % 2:
            first.append(seconds(ours, times))
            second.append(seconds(other, times))
        else:
            second.append(seconds(other, times))
            first.append(seconds(ours, times))
    gc.unfreeze()
    ratios = [b / a for a, b in zip(first, second, strict=True)]
    low, ratio, high = quartiles(ratios)
    return Comparison(statistics.median(first), statistics.median(second), low, ratio, high)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def table(rows: list[Row]) -> str:
    """The rows as a markdown table."""
    lines = ["| what | measured | goal | met |", "| --- | --- | --- | --- |"]
    for row in rows:
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        lines.append(f"| {row.what} | {row.measured} | {row.goal} | {met} |")
    return "\n".join(lines)


def main(rows: Callable[[bool], list[Row]]) -> None:
    """The command line of a bench script: `--quick` for fewer repeats, `--json` for run.py."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    options = parser.parse_args()
    found = rows(options.quick)
    print(msgspec.json.encode(found).decode() if options.json else table(found), flush=True)
