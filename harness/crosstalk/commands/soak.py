"""`crosstalk soak SPEC`: what stays behind for each user who has gone, and each event that has passed, and where."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import REPORTS, method_names
from crosstalk.consolidation.growth import Soak
from crosstalk.consolidation.growth import soak as run
from crosstalk.examination import open_target
from crosstalk.reporting.timeline import printable
from crosstalk.targets.loader import TargetError


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
@click.argument("spec")
@click.option("--users", type=click.IntRange(min=320), default=4_000, help="Users who come and go, and events.")
@click.option("--name", "names", multiple=True, metavar="ROLE=NAME", help="A method of SPEC, as publish=emit_to.")
@REPORTS
def soak(spec: str, users: int, names: tuple[str, ...], reports: Path) -> None:
    """Soak the broadcaster SPEC in virtual time, and find what grows."""
    try:
        result = run(open_target(spec, names=method_names(names, "--name")), users=users)
        click.echo(report(result))
        reports.mkdir(parents=True, exist_ok=True)
        (reports / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))
    except (TargetError, ValueError, OSError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[result.verdict])
