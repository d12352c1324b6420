"""`crosstalk soak SPEC|URL`: what stays behind for each user who has gone and each event that has passed, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from crosstalk.commands.describing import OPTIONS, described, describing, refuse
from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import REPORTS, method_names
from crosstalk.consolidation.growth import Soak
from crosstalk.consolidation.growth import soak as run
from crosstalk.examination import open_target
from crosstalk.reporting.live_terminal import live_summary
from crosstalk.reporting.timeline import printable
from crosstalk.targets.loader import TargetError

USERS = 4_000
WORDS = {"pass": "level", "fail": "grows", "unknown": "unclear"}


def report(result: Soak) -> str:
    """The result for a terminal."""
    lines = []
    for growth in result.growths:
        lines.append(
            f"{'grows' if growth.grows else 'level'}  after {growth.units:,}, for each {growth.unit}: "
            f"{growth.bytes.value:.1f} bytes ({growth.bytes.low:.1f} to {growth.bytes.high:.1f}), "
            f"{growth.objects.value:.2f} objects, {growth.tasks.value:.2f} tasks"
        )
        lines += [f"       in {printable(container)}" for container in growth.containers]
        lines += [f"       made at {printable(site)}" for site in growth.sites]
    lines += [f"note: {printable(note)}" for note in result.notes]
    return "\n".join((*lines, f"verdict: {result.verdict} for {printable(result.target)} in {result.seconds:g} s"))


@click.command()
@click.argument("spec", metavar="SPEC|URL")
@click.option("--users", type=click.IntRange(min=320), default=USERS, help="Users who come and go, and events.")
@click.option("--name", "names", multiple=True, metavar="ROLE=NAME", help="A method of SPEC, as publish=emit_to.")
@click.option("--pid", type=click.IntRange(min=1), default=None, help="Live: the server's process on this machine.")
@click.option("--metrics", "address", default="", metavar="URL", help="Live: the server's metrics, as for Prometheus.")
@click.option("--gauge", "gauges", multiple=True, metavar="NAME", help="Live: a metric that must not grow either.")
@describing("users")
@REPORTS
def soak(
    spec: str,
    users: int,
    names: tuple[str, ...],
    pid: int | None,
    address: str,
    gauges: tuple[str, ...],
    named: str,
    reports: Path,
    **options: Any,
) -> None:
    """Send users through the broadcaster SPEC in virtual time, or the running system at URL, and find what grows."""
    if spec.startswith(("ws://", "wss://")):
        if names:
            refuse("--name is of broadcasters, not of addresses")
        if gauges and not address:
            refuse("--gauge is one of the metrics: say where they are by --metrics URL")
        _live(spec, users, pid, address, gauges, named, options, reports)
    if pid or address or gauges or named or any(options[name] for name in OPTIONS if name in options):
        refuse(
            "--pid, --metrics, --gauge, --profile and what describes a live system are of ws:// and wss:// addresses"
        )
    try:
        result = run(open_target(spec, names=method_names(names, "--name")), users=users)
        click.echo(report(result))
        _keep(result, reports)
    except (TargetError, ValueError, OSError) as error:
        refuse(str(error))
    raise SystemExit(EXIT[result.verdict])


def _keep(result: object, reports: Path) -> None:
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))


def _live(
    url: str,
    users: int,
    pid: int | None,
    address: str,
    gauges: tuple[str, ...],
    named: str,
    options: dict[str, Any],
    reports: Path,
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
        result = soak_live(plan(made), probes)
        _keep(result, reports)
    except (ValueError, Unreachable) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or 'a file'} could not be used: {error.strerror or error}")
    click.echo(live_summary(result.judged))
    for one in result.grown:
        each = f"{one.each.value:,.3g} ({one.each.low:,.3g} to {one.each.high:,.3g})"
        click.echo(f"{WORDS[one.outcome]:8}{printable(one.quantity)}: {each} for each of {one.units:,} departed users")
    for note in result.notes:
        click.echo(f"note: {printable(note)}")
    click.echo(f"soak: {result.verdict} for {printable(result.target)}, {result.users:,} users in {result.seconds:g} s")
    raise SystemExit(EXIT[result.verdict])
