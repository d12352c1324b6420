"""`crosstalk explain TOKEN-OR-FILE`: play a counterexample again, and say in sentences what happened.

A token of `cutover` or `equivalent` is played on both broadcasters. What was seen on live systems can't be played again
and is told from the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import click

from crosstalk.commands.counterexample import Two, did_not_occur, found_live, occurring, opened, opened_two
from crosstalk.commands.describing import refuse
from crosstalk.consolidation import cutover, equivalence
from crosstalk.exhibit import exhibit
from crosstalk.model.scene import Exhibit
from crosstalk.model.verdict import FoundViolation
from crosstalk.reporting.again import again
from crosstalk.reporting.exchange import exchange_words
from crosstalk.reporting.legible import legible
from crosstalk.reporting.live_terminal import seen
from crosstalk.reporting.migration import difference_story, loss_story
from crosstalk.reporting.rules import rule
from crosstalk.reporting.sentences import decisions_words, none_passes, story
from crosstalk.scenarios.token import read
from crosstalk.scenarios.words import program_lines
from crosstalk.targets.loader import TargetError


@click.command()
@click.argument("token")
@click.option("--number", type=click.IntRange(min=1), default=1, help="Which finding of a file (default 1).")
def explain(token: str, number: int) -> None:
    """Say in sentences what happens in the counterexample TOKEN, or in one of a file or folder.

    Files are a verdict.json, cutover.json or equivalent.json, and saved failures.
    """
    live = found_live(token, number)
    if live is not None:
        _explain_live(*live)
    two = opened_two(token, number)
    if two is not None:
        _explain_two(two)
    example, examination = opened(token, number)
    _, violation = occurring(example, examination)
    shown = exhibit(examination, example.check, example.cause, example.program, example.tape)
    if violation is None or shown is None:
        click.echo(did_not_occur(example))
        raise SystemExit(3)
    _say("What the users do:", shown.program)
    _say("\nWhat happens:", story(shown.scene, example.check, violation.message))
    _what_it_takes(shown)
    raise SystemExit(1)


def _say(heading: str, lines: Sequence[str]) -> None:
    click.echo(heading)
    for line in lines:
        click.echo(f"  {legible(line, 600)}")


def _what_it_takes(shown: Exhibit) -> None:
    """The decisions that matter, and the line to look at."""
    click.echo("\nWhat it takes:")
    if not shown.decisions:
        click.echo(f"  {none_passes(shown)}")
    for decision in shown.decisions:
        click.echo(f"  At decision {decision.number + 1} this could happen: {legible('; '.join(decision.open), 600)}.")
        click.echo(f"  It fails when {legible(decision.failing, 300)}.")
        click.echo(f"  The nearest schedule that keeps the rule: {legible(decision.passing, 300)}.")
    if len(shown.decisions) > 1:
        click.echo(f"  It takes these {decisions_words(len(shown.decisions))} together to keep the rule.")
    if shown.still_broken:
        click.echo(f"  But that run still breaks {', '.join(shown.still_broken)}.")
    if shown.place is not None:
        click.echo(f"\nLook at {legible(str(shown.place), 300)}.")
        for at, line in shown.code:
            click.echo(f"  {'>' if at == shown.place.line else ' '} {at:5}  {legible(line, 200)}")


def _explain_live(check: str, violation: FoundViolation) -> NoReturn:
    """What was seen on a live system."""
    if violation.exhibit is not None:
        _say("What happened:", story(violation.exhibit.scene, check, violation.message))
    elif violation.exchange is not None:
        _say("What happened:", [*exchange_words(violation.exchange), f"The rule: {rule(check)}"])
        _say("\nThe request:", violation.exchange.request)
    else:
        click.echo(f"{legible(violation.message, 400)}.")
    if violation.sighting is not None and violation.sighting.round >= 0:
        click.echo(f"\nIt was {seen(violation.sighting)}.")
    if again(violation):
        click.echo(f"\nThe same programs again: {legible(again(violation), 4_000)}")
    raise SystemExit(1)


def _explain_two(two: Two) -> NoReturn:
    """Play what was found of OLD and NEW again on both."""
    try:
        if two.switch:
            loss = cutover.told(cutover.rehearsal(two.old, two.new, two.switch), two.token)
            if loss is not None and loss.found.exhibit is not None:
                _say("What the users do:", loss.found.exhibit.program)
                _say("\nWhat happens:", loss_story(loss))
                _what_it_takes(loss.found.exhibit)
                raise SystemExit(1)
        else:
            difference = equivalence.told(two.old, two.new, two.token)
            if difference is not None:
                _say("What the users do:", program_lines(read(two.token).program))
                _say("\nWhat happens:", difference_story(difference))
                raise SystemExit(1)
    except (TargetError, ValueError) as error:
        refuse(str(error))
    click.echo("crosstalk: that did not occur: these are not the two that the token was made from")
    raise SystemExit(3)
