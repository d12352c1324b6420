"""`crosstalk soak SPEC`: what users who have gone leave behind, what their number costs, who is missing."""

from __future__ import annotations

from pathlib import Path

import click

from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import REPORTS, method_names
from crosstalk.consolidation.growth import FEWEST
from crosstalk.consolidation.soak import USERS
from crosstalk.consolidation.soak import soak as run
from crosstalk.examination import Examination, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.soak import Soak
from crosstalk.reporting.folder import leave_beside
from crosstalk.reporting.soak import cost_words, growth_words, pool_words, soaked_words
from crosstalk.reporting.timeline import printable
from crosstalk.targets.loader import TargetError


def report(result: Soak) -> str:
    """The result for a terminal."""
    lines = []
    for growth in result.growths:
        lines.append(f"{'grows' if growth.grows else 'level'}  {growth_words(growth)}")
        lines += [f"       in {printable(container)}" for container in growth.containers]
        lines += [f"       made at {printable(site)}" for site in growth.sites]
    for curve in result.curves:
        lines.append(f"{'grows' if curve.superlinear else 'level'}  {cost_words(curve)}")
        lines += [f"       at {printable(site)}" for site in curve.sites]
    if result.pool is not None:
        lines.append(f"{'broken' if result.pool.violations else 'whole'}  {printable(pool_words(result.pool))}")
        lines += [f"       {printable(violation)}" for violation in result.pool.violations]
    lines += [f"note: {printable(note)}" for note in result.notes]
    return "\n".join((*lines, f"verdict: {printable(soaked_words(result))}"))


def soaked(examination: Examination, users: int, reports: Path) -> Soak:
    """Soak the target, print what comes of it, and leave it in `reports`. Raises TargetError, ValueError, OSError."""
    result = run(examination, users=users)
    click.echo(report(result))
    click.echo(f"report: {printable(str(leave_beside(result, reports / 'soak.json')))}")
    return result


@click.command()
@click.argument("spec")
@click.option("--users", type=click.IntRange(min=FEWEST), default=USERS, help="Users who come and go, and events.")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="ROLE=NAME",
    help="A method of SPEC, as publish=emit_to; registry=NAME is where it keeps its connections, or counts them.",
)
@click.option("--guarantee", multiple=True, metavar="NAME=VALUE", help="What it promises, as scale=no.")
@REPORTS
def soak(spec: str, users: int, names: tuple[str, ...], guarantee: tuple[str, ...], reports: Path) -> None:
    """Soak the broadcaster SPEC in virtual time: what grows, what costs more the more there are, who is missing."""
    try:
        called = method_names(names, "--name", ("registry",))
        result = soaked(open_target(spec, names=called, guarantees=Guarantees.parse(guarantee)), users, reports)
    except (TargetError, ValueError, OSError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[result.verdict])
