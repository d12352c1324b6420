"""`crosstalk soak SPEC|URL`: what users who have gone leave behind, what their number costs, who is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import click

from crosstalk.commands.describing import OPTIONS, described, describing, refuse
from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import REPORTS, method_names
from crosstalk.consolidation.growth import FEWEST
from crosstalk.consolidation.soak import USERS
from crosstalk.consolidation.soak import soak as run
from crosstalk.examination import Examination, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.soak import Soak
from crosstalk.reporting.folder import leave, leave_beside
from crosstalk.reporting.live_terminal import live_summary
from crosstalk.reporting.progress import progress, soaking
from crosstalk.reporting.soak import (
    WORDS,
    cost_words,
    grown_words,
    growth_words,
    live_soaked_words,
    pool_words,
    soaked_words,
)
from crosstalk.reporting.timeline import printable
from crosstalk.targets.loader import TargetError
from crosstalk.targets.transports import is_address


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


def soaked(examination: Examination, users: int, reports: Path, quiet: bool) -> Soak:
    """Soak the target, print what comes of it, and leave it in `reports`. Raises TargetError, ValueError, OSError."""
    with progress(quiet) as show:
        result = run(examination, users=users, progress=show)
    click.echo(report(result))
    click.echo(f"report: {printable(str(leave_beside(result, reports / 'soak.json')))}")
    return result


@click.command()
@click.argument("spec", metavar="SPEC|URL")
@click.option(
    "--users",
    type=click.IntRange(min=FEWEST),
    default=USERS,
    show_default=True,
    help="Users who come and go, and events.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="ROLE=NAME",
    help="A method of SPEC, as publish=emit_to; registry=NAME is where it keeps its connections, or counts them.",
)
@click.option(
    "--guarantee", multiple=True, metavar="NAME=VALUE", help="What it promises, as scale=yes, or not, as growth=no."
)
@click.option("--pid", type=click.IntRange(min=1), default=None, help="Live: the server's process on this machine.")
@click.option("--metrics", "address", default="", metavar="URL", help="Live: the server's metrics, as for Prometheus.")
@click.option("--gauge", "gauges", multiple=True, metavar="NAME", help="Live: a metric that must not grow either.")
@describing("users")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@REPORTS
def soak(
    spec: str,
    users: int,
    names: tuple[str, ...],
    guarantee: tuple[str, ...],
    pid: int | None,
    address: str,
    gauges: tuple[str, ...],
    named: str,
    quiet: bool,
    reports: Path,
    **options: Any,
) -> None:
    """Soak the broadcaster SPEC in virtual time: what grows, what costs more the more there are, who is missing.

    SPEC may also be the address of a running system, as `crosstalk smoke` takes it: then users go through that.
    """
    if is_address(spec):
        if names or guarantee:
            refuse("--name and --guarantee are of broadcasters, not of addresses")
        if gauges and not address:
            refuse("--gauge is one of the metrics: say where they are by --metrics URL")
        _live(spec, users, pid, address, gauges, named, options, reports, quiet)
    if pid or address or gauges or named or any(options[name] for name in OPTIONS if name in options):
        refuse("--pid, --metrics, --gauge, --profile and what describes a live system are of addresses")
    try:
        called = method_names(names, "--name", ("registry",))
        result = soaked(open_target(spec, names=called, guarantees=Guarantees.parse(guarantee)), users, reports, quiet)
    except (TargetError, ValueError, OSError) as error:
        refuse(str(error))
    raise SystemExit(EXIT[result.verdict])


def _live(
    url: str,
    users: int,
    pid: int | None,
    address: str,
    gauges: tuple[str, ...],
    named: str,
    options: dict[str, Any],
    reports: Path,
    quiet: bool,
) -> NoReturn:
    """The same with a running system."""
    try:
        from crosstalk.live import plan
        from crosstalk.live_examination import Unreachable
        from crosstalk.live_soak import soak_live
        from crosstalk.profile import allowed
        from crosstalk.targets.probe import metrics, process
    except ModuleNotFoundError as error:
        refuse(f"a live soak needs {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'")
    try:
        made = described(named, options, url=url, users=users)
        probes = [process(pid)] if pid else []
        if address:
            allowed(address, made.allow_hosts)
            probes.append(metrics(address, gauges))
        with progress(quiet) as show:
            result = soak_live(plan(made), probes, progress=soaking(show))
        leave(result.judged, reports)
        shown = leave_beside(result, reports / "live_soak.json")
    except (ValueError, Unreachable) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or 'a file'} could not be used: {error.strerror or error}")
    click.echo(live_summary(result.judged))
    for one in result.grown:
        click.echo(f"{WORDS[one.outcome]:8}{printable(grown_words(one))}")
    for note in result.notes:
        click.echo(f"note: {printable(note)}")
    click.echo(f"soak: {printable(live_soaked_words(result))}")
    click.echo(f"report: {printable(str(shown))}")
    raise SystemExit(EXIT[result.verdict])
