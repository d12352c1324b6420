"""`crosstalk explain TOKEN-OR-FILE`: play a counterexample again, and say in sentences what happened."""

from __future__ import annotations

from typing import NoReturn

import click

from crosstalk.commands.counterexample import did_not_occur, found_live, occurring, opened
from crosstalk.exhibit import exhibit
from crosstalk.model.verdict import FoundViolation
from crosstalk.reporting.again import again
from crosstalk.reporting.legible import legible
from crosstalk.reporting.live_terminal import seen
from crosstalk.reporting.sentences import decisions_words, none_passes, story


@click.command()
@click.argument("token")
@click.option("--number", type=click.IntRange(min=1), default=1, help="Which violation of a verdict.json (default 1).")
def explain(token: str, number: int) -> None:
    """Say in sentences what happens in the counterexample TOKEN (or one of a verdict.json or saved failure)."""
    live = found_live(token, number)
    if live is not None:
        _explain_live(*live)
    example, examination = opened(token, number)
    _, violation = occurring(example, examination)
    shown = exhibit(examination, example.check, example.cause, example.program, example.tape)
    if violation is None or shown is None:
        click.echo(did_not_occur(example))
        raise SystemExit(3)
    click.echo("What the users do:")
    for line in shown.program:
        click.echo(f"  {legible(line, 300)}")
    click.echo("\nWhat happens:")
    for sentence in story(shown.scene, example.check, violation.message):
        click.echo(f"  {sentence}")
    click.echo("\nWhat it takes:")
    if not shown.decisions:
        click.echo(f"  {none_passes(shown)}")
    for decision in shown.decisions:
        click.echo(f"  At decision {decision.number + 1} this could happen: {'; '.join(decision.open)}.")
        click.echo(f"  It fails when {decision.failing}.")
        click.echo(f"  The nearest schedule that keeps the rule: {decision.passing}.")
    if len(shown.decisions) > 1:
        click.echo(f"  It takes these {decisions_words(len(shown.decisions))} together to keep the rule.")
    if shown.still_broken:
        click.echo(f"  But that run still breaks {', '.join(shown.still_broken)}.")
    if shown.place is not None:
        click.echo(f"\nLook at {legible(str(shown.place), 300)}.")
        for at, line in shown.code:
            click.echo(f"  {'>' if at == shown.place.line else ' '} {at:5}  {legible(line, 200)}")
    raise SystemExit(1)


def _explain_live(check: str, violation: FoundViolation) -> NoReturn:
    """What was seen on a live system: it can't be played again exactly, so that it is told from the verdict."""
    if violation.exhibit is not None:
        click.echo("What happened:")
        for sentence in story(violation.exhibit.scene, check, violation.message):
            click.echo(f"  {sentence}")
    else:
        click.echo(f"{legible(violation.message, 400)}.")
    if violation.sighting is not None and violation.sighting.round >= 0:
        click.echo(f"\nIt was {seen(violation.sighting)}.")
    if again(violation):
        click.echo(f"\nThe same programs again: {legible(again(violation), 4_000)}")
    raise SystemExit(1)
