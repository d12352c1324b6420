"""`crosstalk cutover OLD NEW`: rehearse moving users from OLD to NEW, and back, while they are connected."""

from __future__ import annotations

from pathlib import Path

import click

from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import method_names, promises, sides
from crosstalk.consolidation.cutover import cut_over, play, rehearsal
from crosstalk.examination import open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.migration import Cutover
from crosstalk.reporting.folder import leave_beside
from crosstalk.reporting.migration import down_time_words, loss_again, rehearsed_words
from crosstalk.reporting.timeline import printable
from crosstalk.targets.loader import TargetError


def report(result: Cutover) -> str:
    """The result for a terminal."""
    lines = []
    for number, loss in enumerate(result.losses, 1):
        whose = "" if loss.whose == "migration" else f" ({loss.whose} alone does so too)"
        lines += [
            f"{number}. {loss.check}: {printable(loss.found.message)}{whose}",
            f"   {printable(loss.point)}",
            loss.found.timeline,
            f"   replay: {loss_again(result, loss.found.replay)}",
            "",
        ]
    lines += [f"note: {printable(note)}" for note in result.notes]
    caught = sum(control.caught for control in result.controls)
    lines += [
        f"controls: {caught} of {len(result.controls)} sabotages caught during a switch",
        f"rehearsed: {rehearsed_words(result)}",
        f"down-time: {down_time_words(result)}",
    ]
    if result.worst_point:
        lines.append(f"worst point: {printable(result.worst_point)}")
    lines.append(
        f"verdict: {result.verdict} for moving {printable(result.old)} to {printable(result.new)} by {result.switch}"
        + " (interrupted)" * result.interrupted
    )
    return "\n".join(lines)


@click.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--switch", "switch", default="drain", metavar="NAME|SPEC", help="drain, sticky, or your own (old, new) -> switch."
)
@click.option("--budget", type=click.FloatRange(min=0.1), default=30.0, help="Seconds in all.")
@promises
@sides
def cutover(
    old: str,
    new: str,
    switch: str,
    budget: float,
    seed: int,
    guarantee: tuple[str, ...],
    strict: bool,
    grammar: str,
    old_names: tuple[str, ...],
    new_names: tuple[str, ...],
    reports: Path,
    token: str,
) -> None:
    """Rehearse a migration: wherever a switch from OLD to NEW may come, nothing is lost, repeated, leaked or stuck."""
    try:
        guarantees = Guarantees.parse(guarantee, strict, grammar)
        first = open_target(old, names=method_names(old_names, "--old-name"), guarantees=guarantees)
        second = open_target(new, names=method_names(new_names, "--new-name"), guarantees=guarantees)
        target = rehearsal(first, second, switch)
        if token:
            picture, happened = play(target, token)
            click.echo(picture)
            if not happened:
                click.echo("crosstalk: the loss did not occur: these are not the ones the token was made from")
            raise SystemExit(1 if happened else 3)
    except (TargetError, ValueError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    result = cut_over(target, seed=seed, seconds=budget)
    click.echo(report(result))
    try:
        shown = leave_beside(result, reports / "cutover.json")
        click.echo(f"report: {printable(str(shown))}")
    except OSError as error:
        click.echo(f"crosstalk: the result could not be written: {error}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[result.verdict])
