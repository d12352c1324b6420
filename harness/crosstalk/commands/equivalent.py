"""`crosstalk equivalent OLD NEW...`: what users and callers would notice when NEW takes OLD's place."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import method_names, promises, sides
from crosstalk.consolidation.equivalence import compare, replay
from crosstalk.consolidation.facts import KINDS
from crosstalk.examination import open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.migration import Equivalence
from crosstalk.model.verdict import worst
from crosstalk.reporting.folder import leave_beside
from crosstalk.reporting.migration import compared_words, difference_again, equivalent_words
from crosstalk.reporting.timeline import printable
from crosstalk.targets.loader import TargetError

_FREES = ("replay", "additions", "at_least_once")
"""Guarantees that, when declared, allow a difference."""


def report(result: Equivalence) -> str:
    """The result for a terminal."""
    lines = []
    for number, difference in enumerate(result.differences, 1):
        lines.append(f"{number}. {printable(difference.sentence)}")
        for side, broken in (("OLD", difference.old_breaks), ("NEW", difference.new_breaks)):
            lines += [f"   {side} breaks {printable(text)}" for text in broken]
        lines += [difference.timeline] if difference.timeline else []
        lines += [f"   replay: {difference_again(result, difference.replay)}", ""]
    caught = sum(seen.caught for seen in result.controls)
    lines += [f"note: {printable(note)}" for note in result.notes]
    lines += [
        f"controls: {caught} of {len(result.controls)} sabotages of OLD seen as differences",
        f"compared: {compared_words(result)}",
        f"{equivalent_words(result)}: {result.old} and {result.new}",
    ]
    return "\n".join(lines)


@click.command()
@click.argument("old")
@click.argument("new", nargs=-1, required=True)
@click.option(
    "--budget", type=click.FloatRange(min=0.1), default=20.0, show_default=True, help="Seconds in all, for each NEW."
)
@click.option(
    "--allow", multiple=True, type=click.Choice(sorted({*KINDS, *_FREES})), help="A difference that is meant."
)
@promises
@sides
def equivalent(
    old: str,
    new: tuple[str, ...],
    budget: float,
    seed: int,
    allow: tuple[str, ...],
    guarantee: tuple[str, ...],
    strict: bool,
    grammar: str,
    old_names: tuple[str, ...],
    new_names: tuple[str, ...],
    reports: Path,
    token: str,
) -> None:
    """Compare broadcasters: the same programs and faults into OLD and each NEW, and what their users see."""
    free = {*allow, *(item.partition("=")[0] for item in guarantee if item.partition("=")[2] in ("yes", "true", "1"))}
    try:
        guarantees = Guarantees.parse(guarantee, strict, grammar)
        first = open_target(old, names=method_names(old_names, "--old-name"), guarantees=guarantees)
        others = [open_target(spec, names=method_names(new_names, "--new-name"), guarantees=guarantees) for spec in new]
        if token:
            picture, differ = replay(first, others[0], token)
            click.echo(picture)
            click.echo("they differ" if differ else "crosstalk: they don't differ here: not the ones of the token")
            raise SystemExit(1 if differ else 3)
    except (TargetError, ValueError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    results = []
    for other in others:
        result = compare(
            first, other, seed=seed, seconds=budget, allow=frozenset(free & {*KINDS, *_FREES}), progress=None
        )
        click.echo(report(result))
        results.append(result)
        if result.interrupted:
            break
    try:
        shown = leave_beside(results[0] if len(results) == 1 else results, reports / "equivalent.json")
        click.echo(f"report: {printable(str(shown))}")
    except OSError as error:
        click.echo(f"crosstalk: the result could not be written: {error}", err=True)
        sys.exit(2)
    raise SystemExit(EXIT[worst(result.verdict for result in results)])
