"""`crosstalk compare OLD NEW`: latency, throughput, processor time and memory of two broadcasters, and goals."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import method_names, sides
from crosstalk.consolidation.comparison import compare as measure
from crosstalk.examination import open_target
from crosstalk.model.migration import LEVEL, MEASURES, Comparison
from crosstalk.reporting.folder import leave_beside
from crosstalk.reporting.migration import goal_words
from crosstalk.reporting.timeline import printable
from crosstalk.settings import share
from crosstalk.targets.loader import TargetError


def report(result: Comparison) -> str:
    """The result for a terminal."""
    lines = [f"{'':36}{'users':>7}{'OLD':>12}{'NEW':>12}  {'NEW / OLD':>9}  {LEVEL:.0%} interval"]
    for name, (words, factor, unit) in MEASURES.items():
        for one in (m for m in result.measured if m.measure == name):
            heading = f"{words}{f', {unit}' if unit else ''}"
            lines.append(
                f"{heading:36}{one.users:>7,}{one.old * factor:>12,.1f}{one.new * factor:>12,.1f}  "
                f"{one.ratio:>9.3f}  {one.low:.3f} to {one.high:.3f}  {one.word}"
            )
    lines.append("")
    lines += [goal_words(goal) for goal in result.goals]
    lines += [f"note: {printable(note)}" for note in result.notes]
    lines.append(
        f"verdict: {result.verdict} for {printable(result.new)} against {printable(result.old)}, "
        f"{result.rounds} pairs of fresh processes in {result.seconds:g} s"
    )
    return "\n".join(lines)


def _share(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return share(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _counts(context: click.Context, option: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(part) for part in value.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise click.BadParameter(f"{value!r}: give numbers of users, such as 1,10,100")
    return counts


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--faster", callback=_share, metavar="20%", help="How much sooner events must arrive with NEW.")
@click.option("--leaner", callback=_share, metavar="30%", help="How much less memory NEW must keep for a connection.")
@click.option(
    "--users", callback=_counts, default="1,10,100,1000", show_default=True, help="Numbers of users to measure with."
)
@click.option("--events", type=click.IntRange(min=20), default=300, show_default=True, help="Events a measurement.")
@click.option("--rounds", type=click.IntRange(min=4), default=12, show_default=True, help="Pairs of processes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the order within pairs.")
@sides
def compare(
    old: str,
    new: str,
    faster: float | None,
    leaner: float | None,
    users: tuple[int, ...],
    events: int,
    rounds: int,
    seed: int,
    old_names: tuple[str, ...],
    new_names: tuple[str, ...],
    reports: Path,
) -> None:
    """Measure OLD and NEW against each other, fairly, and judge goals."""
    watched = sys.stderr.isatty() and not os.environ.get("CI")

    def progress(done: int) -> None:
        click.echo(f"\rround {done} of {rounds}" + "\n" * (done == rounds), err=True, nl=False)

    try:
        first = open_target(old, names=method_names(old_names, "--old-name"))
        second = open_target(new, names=method_names(new_names, "--new-name"))
        result = measure(
            first,
            second,
            users=users,
            events=events,
            rounds=rounds,
            faster=faster,
            leaner=leaner,
            seed=seed,
            progress=progress if watched else None,
        )
        click.echo(report(result))
        shown = leave_beside(result, reports / "compare.json")
        click.echo(f"report: {printable(str(shown))}")
    except (TargetError, ValueError, OSError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[result.verdict])
