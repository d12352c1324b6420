"""The `crosstalk` command. Exit codes: 0 pass, 1 a check failed, 2 usage error or no target, 3 verdict unknown."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from crosstalk.examination import examine, find, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.verdict import Explored, Verdict
from crosstalk.reporting.terminal import summary
from crosstalk.reporting.timeline import printable, timeline
from crosstalk.scenarios.program import FAMILIES
from crosstalk.scenarios.token import read
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.settings import DEFAULT_TARGET
from crosstalk.targets.loader import TargetError

EXIT = {"pass": 0, "fail": 1, "unknown": 3}


@click.group()
def cli() -> None:
    """Prove or refute that a WebSocket broadcaster never sends one user's events to another."""
    if os.environ.get("PYTHONHASHSEED") is None and sys.argv[0].endswith("crosstalk"):
        # sets of strings iterate by hash: a replay is exact only under the same one
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])


_WIDTH = 92


def _progress(quiet: bool) -> Callable[[Explored, int], None] | None:
    """The live line; None under --quiet, in CI, and where nobody watches a terminal."""
    if quiet or os.environ.get("CI") or not sys.stderr.isatty():
        return None
    shown = 0.0

    def show(explored: Explored, violations: int) -> None:
        nonlocal shown
        if time.monotonic() - shown < 0.1:
            return
        shown = time.monotonic()
        text = (
            f"{explored.programs:,} programs, {explored.schedules:,} schedules, {explored.deliveries:,} deliveries, "
            f"{violations} distinct violation{'s' * (violations != 1)}, {explored.seconds:.0f} s"
        )
        click.echo(f"\r{text[:_WIDTH]:<{_WIDTH}}", err=True, nl=False)

    return show


@cli.command()
@click.argument("spec", default=DEFAULT_TARGET)
@click.option("--budget", type=click.FloatRange(min=0.1), default=20.0, help="Seconds of exploration in all.")
@click.option("--seed", type=int, default=0, help="Where the exploration starts; the same seed repeats it.")
@click.option("--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"))
@click.option("--family", type=click.Choice(FAMILIES), default="any", help="Which kind of programs to draw.")
@click.option("--connect", default="", help="Name of the broadcaster's connect method.")
@click.option("--disconnect", default="", help="Name of the broadcaster's disconnect method.")
@click.option("--publish", default="", help="Name of the method that sends an event to one user.")
@click.option("--strict", is_flag=True, help="Hold the broadcaster to the strict guarantees.")
@click.option("--guarantee", multiple=True, metavar="NAME=VALUE", help="What the broadcaster promises.")
@click.option(
    "--grammar", default="", metavar="EXPR", help="The event types of one run in order, such as 'a b+ (c|d)?'."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress line.")
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
    quiet: bool,
) -> None:
    """Judge the broadcaster SPEC: module:attribute or path/to/file.py:attribute."""
    names = {"connect": connect, "disconnect": disconnect, "publish": publish}
    try:
        examination = open_target(spec, names=names, guarantees=Guarantees.parse(guarantee, strict, grammar))
    except (TargetError, ValueError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    progress = _progress(quiet)
    verdict = examine(examination, seed=seed, seconds=budget, family=family, progress=progress)
    if progress is not None:
        click.echo("\r" + " " * _WIDTH + "\r", err=True, nl=False)
    click.echo(summary(verdict))
    try:
        reports.mkdir(parents=True, exist_ok=True)
        (reports / "verdict.json").write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=2))
    except OSError as error:
        click.echo(f"crosstalk: the verdict could not be written: {error}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[verdict.verdict])


@cli.command()
@click.argument("token")
def replay(token: str) -> None:
    """Play the counterexample TOKEN (or the first one of a verdict.json) again, and print its timeline."""
    try:
        path = Path(token)
        if not token.startswith("ct1-") and path.is_file():
            verdict = msgspec.json.decode(path.read_bytes(), type=Verdict)
            tokens = [v.replay for c in verdict.checks for v in c.violations]
            if not tokens:
                raise ValueError(f"{token} holds no violation to replay")
            token = tokens[0]
        example = read(token)
        guarantees = msgspec.convert(example.guarantees, Guarantees)
        examination = open_target(example.target, names=example.names, guarantees=guarantees)
    except (ValueError, msgspec.MsgspecError, TargetError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    history, _ = examination.run(example.program, Replay(example.tape))
    violation = find(history, example.check, example.cause)
    click.echo(timeline(history, violation))
    if violation is None:
        click.echo("crosstalk: the violation did not occur: the broadcaster is not the one the token was made from")
        raise SystemExit(3)
    raise SystemExit(1)


def main() -> None:
    cli()
