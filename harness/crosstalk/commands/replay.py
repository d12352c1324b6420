"""`crosstalk replay TOKEN-OR-FILE`: play a minimal counterexample again, exactly, and print its timeline.

`--steps` tells it moment by moment, with where everybody stands; `--debug` stops in pdb in the broadcaster's own frame
at the moment the wrong frame is sent.
"""

from __future__ import annotations

import pdb
import signal
from types import FrameType
from typing import NoReturn

import click

from crosstalk.commands.counterexample import Two, did_not_occur, interactive, occurring, opened, opened_two
from crosstalk.commands.describing import refuse
from crosstalk.consolidation import cutover, equivalence
from crosstalk.examination import Examination, find
from crosstalk.exhibit import scene_of, witnessed
from crosstalk.model.history import History, Violation
from crosstalk.reporting.sentences import conclusion, moments
from crosstalk.reporting.state import states
from crosstalk.reporting.timeline import timeline
from crosstalk.scenarios.token import Counterexample
from crosstalk.scenarios.witness import Witness
from crosstalk.targets.loader import TargetError


@click.command()
@click.argument("token")
@click.option("--steps", is_flag=True, help="Moment by moment; on a terminal it waits for Enter after each.")
@click.option("--debug", is_flag=True, help="Stop in pdb where the wrong frame is sent.")
@click.option("--number", type=click.IntRange(min=1), default=1, help="Which finding of a file (default 1).")
def replay(token: str, steps: bool, debug: bool, number: int) -> None:
    """Play the counterexample TOKEN (or one of a file or folder) again, and print its timeline."""
    two = opened_two(token, number)
    if two is not None:
        _replay_two(two, steps or debug)
    example, examination = opened(token, number)
    history, violation = occurring(example, examination)
    if debug and violation is not None:
        _debug(examination, example, history, violation)
    if steps and violation is not None:
        _steps(examination, example, violation)
    else:
        click.echo(timeline(history, violation))
    if violation is None:
        click.echo(did_not_occur(example))
        raise SystemExit(3)
    raise SystemExit(1)


def _replay_two(two: Two, more: bool) -> NoReturn:
    """What `crosstalk cutover` or `equivalent` found, on both broadcasters."""
    if more:
        refuse("--steps and --debug are of one broadcaster; crosstalk explain says in sentences what happens in this")
    try:
        if two.switch:
            picture, happened = cutover.play(cutover.rehearsal(two.old, two.new, two.switch), two.token)
        else:
            picture, happened = equivalence.replay(two.old, two.new, two.token)
    except (TargetError, ValueError) as error:
        refuse(str(error))
    click.echo(picture)
    if not happened:
        click.echo("crosstalk: that did not occur: these are not the two that the token was made from")
    raise SystemExit(1 if happened else 3)


def _steps(examination: Examination, example: Counterexample, violation: Violation) -> None:
    witness, history = witnessed(examination, example.program, example.tape)
    scene = scene_of(history, find(history, example.check, example.cause), witness.places)
    before: dict[str, str] = {}
    wait = interactive()
    told = moments(scene)
    for count, (time, sentence) in enumerate(told, 1):
        click.echo(f"{count:3}. {sentence}")
        # what a sentence tells as one, a connect say, takes until the next begins
        now = states(scene, max(time, told[count][0] - 1) if count < len(told) else time)
        if count == len(told) or told[count][0] > time:
            for user, state in now.items():
                if state != before.get(user):
                    click.echo(f"       {user}: {state}")
            before = now
        if wait:
            click.prompt("", prompt_suffix="", default="", show_default=False)
    for sentence in conclusion(scene, example.check, violation.message):
        click.echo(f"  >> {sentence}")


class _Debugger(pdb.Pdb):
    """A look around at one moment: the run goes on when it is left, however it is left."""

    def do_quit(self, arg: str) -> bool:
        self.set_continue()
        return True

    do_q = do_exit = do_EOF = do_quit


def _debug(examination: Examination, example: Counterexample, history: History, violation: Violation) -> None:
    """Play it once more and stop: at the send of the wrong frame, or where no frame is to blame, at the call."""
    witness = Witness()

    def look(frame: FrameType, where: str) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)  # the watchdog would bite somebody who thinks
        assert witness.world is not None
        history = witness.world.history
        click.echo(f"crosstalk: {where}")
        for user, state in states(scene_of(history, None, {}), history.now).items():
            click.echo(f"  {user}: {state}")
        click.echo("  w shows the stack, u and d move in it, p prints, c goes on")
        debugger = _Debugger(nosigint=True)
        debugger.reset()
        debugger.interaction(frame, None)

    def at_send(row: int, frame: FrameType) -> None:
        if row == violation.send:
            look(frame, f"the broadcaster is about to send this: {violation.message}")

    blamed = next(
        (n for n, c in enumerate(history.calls) if violation.time in (c.started, c.returned) and c.content >= 0), -1
    )

    def at_publish(number: int, frame: FrameType) -> None:
        if number == blamed:
            look(frame, f"publish(user, given) is about to be called; what comes of it: {violation.message}")

    witness.at_send = at_send if violation.send >= 0 else None
    witness.at_publish = at_publish if violation.send < 0 else None
    witnessed(examination, example.program, example.tape, witness)
