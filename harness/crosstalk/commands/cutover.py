"""`crosstalk cutover OLD NEW`: rehearse moving users from OLD to NEW, and back, while they are connected.

Two broadcasters are rehearsed in virtual time, and the addresses of two running systems live.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import click

from crosstalk.commands.describing import DEVICES, described, describing, refuse, seconds
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
from crosstalk.targets.transports import is_address


def report(result: Cutover) -> str:
    """The result for a terminal."""
    lines = []
    for number, loss in enumerate(result.losses, 1):
        whose = "" if loss.whose == "migration" else f" ({loss.whose} alone does so too)"
        lines += [
            f"{number}. {loss.check}: {printable(loss.found.message)}{whose}",
            f"   {printable(loss.point)}",
            loss.found.timeline,
            f"   {'again' if result.live else 'replay'}: {loss_again(result, loss.found.replay)}",
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
    "--switch",
    "switch",
    default="drain",
    show_default=True,
    metavar="NAME|SPEC",
    help="drain, sticky, or your own (old, new) -> switch; live a command, POST and an address, or module:callable.",
)
@click.option("--budget", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Seconds in all.")
@click.option("--through", default="", metavar="URL", help="Live: where users connect, before OLD and NEW.")
@click.option(
    "--down-time",
    callback=seconds,
    default="3s",
    show_default=True,
    metavar="TIME",
    help="Live: how long a user may be disconnected.",
)
@DEVICES
@describing("grammar")
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
    through: str,
    down_time: float,
    named: str,
    **options: Any,
) -> None:
    """Rehearse a migration: wherever a switch from OLD to NEW may come, nothing is lost, repeated, leaked or stuck.

    OLD and NEW are broadcasters, or the addresses of running systems, as `crosstalk smoke` takes them.
    """
    if is_address(old) != is_address(new):
        refuse("give two broadcasters, or the addresses of two running systems")
    if is_address(old):
        if guarantee or strict or old_names or new_names or token:
            refuse("--guarantee, --strict, --old-name, --new-name and --replay are of broadcasters, not of addresses")
        _leave(_live(old, new, through, switch, down_time, named, options, budget, seed, grammar), reports)
    if through or named or any(options.values()):
        refuse("--through, --profile and what describes a live system are of addresses, not of broadcasters")
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
    _leave(cut_over(target, seed=seed, seconds=budget), reports)


def _leave(result: Cutover, reports: Path) -> NoReturn:
    """Show the result, leave it in `reports`, and end."""
    click.echo(report(result))
    try:
        shown = leave_beside(result, reports / "cutover.json")
        click.echo(f"report: {printable(str(shown))}")
    except OSError as error:
        refuse(f"the result could not be written: {error}")
    raise SystemExit(EXIT[result.verdict])


def _live(
    old: str,
    new: str,
    through: str,
    switch: str,
    down_time: float,
    named: str,
    options: dict[str, Any],
    budget: float,
    seed: int,
    grammar: str,
) -> Cutover:
    """The same with two running systems."""
    try:
        from crosstalk.live import plan
        from crosstalk.live_cutover import Wanted, cut_over_live
        from crosstalk.live_examination import Unreachable
        from crosstalk.profile import allowed
        from crosstalk.targets.live_switch import switch as found
        from crosstalk.targets.transports import transport
    except ModuleNotFoundError as error:
        refuse(f"a live rehearsal needs {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'")
    try:
        if bool(through) == (switch == "drain"):
            refuse(
                "users of two addresses go over themselves; a --switch of yours moves those who connect --through URL: "
                "give both, or neither"
            )
        changes = {"url": through or old, "duration": budget, "seed": seed, "grammar": grammar or None}
        made = described(named, options, **changes)
        planned = plan(made)
        for side in (old, new):
            allowed(side, made.allow_hosts)
        if len({transport(side, planned.cause.on_connection) for side in (old, new, planned.url)}) > 1:
            refuse("OLD, NEW and what stands before them must be spoken to in the same way")
        if not through and not planned.cause.on_connection:
            refuse(
                "users who go over themselves ask on their own connection, and this --cause asks elsewhere: give "
                "--through and --switch"
            )
        wanted = Wanted(old, new, limit=down_time)
        if through:
            move, called = found(switch)
            if called:
                allowed(called, made.allow_hosts)
            wanted = Wanted(old, new, through, move, switch, down_time)
        return cut_over_live(planned, wanted)
    except (ValueError, Unreachable) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or 'a file'} could not be used: {error.strerror or error}")
