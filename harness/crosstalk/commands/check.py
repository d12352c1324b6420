"""`crosstalk check SPEC`: explore, judge, print the summary, write verdict.json."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.reaching import reached, reaching
from crosstalk.commands.sides import REPORTS
from crosstalk.commands.soak import soaked
from crosstalk.consolidation.soak import USERS
from crosstalk.examination import examine, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.verdict import worst
from crosstalk.reporting import github
from crosstalk.reporting.failures import keep, load
from crosstalk.reporting.folder import leave
from crosstalk.reporting.hush import hush
from crosstalk.reporting.legible import printable
from crosstalk.reporting.progress import exploring, progress
from crosstalk.reporting.terminal import summary
from crosstalk.scenarios.program import FAMILIES
from crosstalk.settings import DEFAULT_TARGET
from crosstalk.targets.loader import TargetError


@click.command()
@click.argument("spec", default=DEFAULT_TARGET)
@click.option(
    "--budget", type=click.FloatRange(min=0.1), default=20.0, show_default=True, help="Seconds of exploration in all."
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Where the exploration starts; the same seed repeats it."
)
@REPORTS
@click.option(
    "--family", type=click.Choice(FAMILIES), default="any", show_default=True, help="Which kind of programs to draw."
)
@click.option("--connect", default="", help="Name of the broadcaster's connect method.")
@click.option("--disconnect", default="", help="Name of the broadcaster's disconnect method.")
@click.option(
    "--publish",
    default="",
    help="Name of the method that sends an event to one user; of an ASGI application 'POST /path', module:function "
    "or message.",
)
@click.option("--strict", is_flag=True, help="Hold the broadcaster to the strict guarantees.")
@click.option("--guarantee", multiple=True, metavar="NAME=VALUE", help="What the broadcaster promises.")
@click.option(
    "--grammar", default="", metavar="EXPR", help="The event types of one run in order, such as 'a b+ (c|d)?'."
)
@click.option(
    "--failures",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of saved counterexamples, replayed first and kept (default: REPORTS/failures, where those that pass "
    "are dropped).",
)
@click.option("--soak", is_flag=True, help="Then soak it, as crosstalk soak; the worse of both verdicts counts.")
@reaching
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def check(
    spec: str,
    budget: float,
    seed: int,
    reports: Path,
    family: str,
    connect: str,
    disconnect: str,
    publish: str,
    strict: bool,
    guarantee: tuple[str, ...],
    grammar: str,
    failures: Path | None,
    soak: bool,
    quiet: bool,
    **asgi: Any,
) -> None:
    """Judge the broadcaster SPEC: module:attribute or path/to/file.py:attribute; or an ASGI application, asgi:SPEC.

    Without SPEC, the embedded reference broadcaster.
    """
    names = {"connect": connect, "disconnect": disconnect, "publish": publish, **reached(asgi)}
    try:
        with hush():
            examination = open_target(spec, names=names, guarantees=Guarantees.parse(guarantee, strict, grammar))
    except (TargetError, ValueError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    folder = failures or reports / "failures"
    saved, doubts = load(folder)
    for doubt in doubts:
        click.echo(f"crosstalk: {printable(doubt)}", err=True)
    with progress(quiet) as show, hush():
        told = exploring(show, budget)
        verdict = examine(
            examination, seed=seed, seconds=budget, family=family, progress=told, saved=tuple(saved.values())
        )
    click.echo(summary(verdict))
    if github.is_there():
        click.echo("\n".join(github.workflow_commands(verdict)))
        github.append_summary(verdict)
    try:
        click.echo(f"report: {printable(str(leave(verdict, reports)))}")
        if any(check.violations for check in verdict.checks):
            click.echo(f"in sentences: {printable(shlex.join(('crosstalk', 'explain', str(reports))))}")
        keep(verdict, folder, saved, drop=failures is None)
        outcome = verdict.verdict
        if soak and not verdict.interrupted:
            outcome = worst((outcome, soaked(examination, USERS, reports, quiet).verdict))
    except OSError as error:
        click.echo(f"crosstalk: the verdict could not be written: {error}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[outcome])
