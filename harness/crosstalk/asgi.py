"""From `asgi:` SPEC to an examination, or one sentence that says why the application can't be judged.

Before anything is judged two users connect and are sent an event each, in plain order, twice: what refuses everybody,
answers every event with an error or delivers nothing at all is a mistake in how it was called far more often than a
defect, and no verdict would help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from crosstalk.checks.live.arrived import UNCLEAR
from crosstalk.checks.live.sequence import UNDECLARED
from crosstalk.examination import LENIENT, Examination, calibrated
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import ACCEPTED, FAILED, History
from crosstalk.scenarios.program import Connect, Program, Publish
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.targets.asgi.application import Application
from crosstalk.targets.asgi.lifespan import StartupFailed
from crosstalk.targets.asgi.options import Options, parse
from crosstalk.targets.asgi.server import Server
from crosstalk.targets.in_process import Adapter
from crosstalk.targets.loader import TargetError
from crosstalk.targets.reading import Pointers, reader

if TYPE_CHECKING:
    from crosstalk.scenarios.world import World

_PROBE = Program(
    users=("alice", "bob"),
    devices=(0, 1),
    tracks=((Connect(0), Connect(1), Publish(0, type="probe"), Publish(1, type="probe")),),
)
_TWO_DEVICES = Program(
    users=("alice", "bob"),
    devices=(0, 0),
    tracks=((Connect(0), Connect(1), Publish(0, type="probe")),),
)


def open_asgi(target: str, names: Mapping[str, str], guarantees: Guarantees | None) -> Examination:
    """The examination of `target`, an `asgi:` SPEC. Raises TargetError with one sentence."""
    try:
        options = parse(names)
    except ValueError as error:
        raise TargetError(f"{target}: {error}") from error
    application = Application(target.removeprefix("asgi:"), options)
    adapter = Adapter(Server(_nothing, options))
    adapter.ending = application.end
    declared = guarantees or LENIENT
    examination = Examination(
        target,
        application.start,
        adapter,
        declared,
        application.fresh,
        {name: text for name, text in names.items() if text},
        declared,
        around=application.setting,
        remarks=lambda: (application.note,) if application.note else (),
    )
    histories = _found_out(examination, options)
    reasons = exempt(options, adapter.answers)
    if any(history.answers is not None and history.answers.history.unclear for history in histories):
        reasons.update(dict.fromkeys(("golden_path", "order", "duplicate"), UNCLEAR))
    if not any(frame.owner for history in histories for frame in history.frames):
        reasons["ownership"] = "no frame names the user whom it is for"
    return calibrated(replace(examination, exempt=reasons))


def _found_out(examination: Examination, options: Options) -> list[History]:
    """Finds out whether the application makes the events of a run itself, and whether all devices of a user get them.

    Returns the runs that told it. Raises TargetError when the application can't be judged.
    """
    adapter, grammar = examination.adapter, examination.guarantees.grammar
    adapter.answers, adapter.read = True, reader(options.read)
    history = _probed(examination)
    if not any(frame.type in grammar.alphabet for frame in history.frames):
        adapter.answers = False
        adapter.read = reader(options.read.without(Pointers())) if options.read != Pointers() else None
        history = _probed(examination)
    if options.says and not history.blocked:
        sent = examination.play(_TWO_DEVICES)
        reached = {
            sent.send_episode[row] for row, number in enumerate(sent.send_frame) if sent.frames[number].content == 0
        }
        adapter.replaces = len(reached) < 2
        return [history, sent]
    return [history]


async def _nothing(scope: object, receive: object, send: object) -> None:
    """Stands for the application where only the server's methods are looked at."""


def exempt(options: Options, answers: bool) -> dict[str, str]:
    """The checks that can't be judged with these options, and why; `answers` says that it makes the events itself."""
    found: dict[str, str] = {}
    if answers:
        found["integrity"] = "the application makes the events itself"
        if not options.read.sequence:
            found.update(order=UNDECLARED, duplicate=UNDECLARED)
    elif "{event}" not in options.body:
        found["integrity"] = "what is sent to the application is not the whole event"
        found["golden_path"] = found["integrity"] + ", and no event of a run comes back"
    if options.says:
        found["truthful_count"] = "a message returns nothing"
        if not answers:
            found["order"] = "what answers a user's messages comes when it is ready"
            if "{event}" not in options.body:
                found["duplicate"] = "a message may have several answers"
    elif options.request is not None:
        found["truthful_count"] = "an HTTP answer is no count of connections"
    return found


def _probed(examination: Examination) -> History:
    """Two users, an event each. Raises TargetError when the application can't be judged."""
    target = examination.target
    try:
        world = examination.world(_PROBE, Plain())
    except StartupFailed as error:
        raise TargetError(f"{target} failed to start: {error}") from error
    except TargetError:
        raise
    except Exception as error:
        raise TargetError(f"{target} raised when it was made: {type(error).__name__}: {error}") from error
    history = world.history
    if world.phase == "starting" and history.crashes:
        raise TargetError(f"{target} never finished starting: {history.crashes[0]}")
    if not history.blocked:
        _raise_if_closed(target, world)
        _raise_if_deaf(target, history)
    return history


def _raise_if_closed(target: str, world: World) -> None:
    """Unless somebody could connect."""
    connects = [call for call in world.history.calls if call.kind == "connect"]
    if any(episode.connected <= world.history.now for episode in world.history.episodes):
        return
    path = next(iter(connects), None)
    if path is None or not path.error:
        never = "never accepted a connection" if path is not None else "was never asked"
        raise TargetError(f"{target} {never}: alice waited in vain; is --open right?")
    raise TargetError(f"{target} let nobody in: {_plain(path.error)}; are --open and what it carries right?")


def _raise_if_deaf(target: str, history: History) -> None:
    """Unless an event reached anybody."""
    publishes = [call for call in history.calls if call.kind == "publish" and not call.probe]
    if publishes and all(call.status == FAILED for call in publishes):
        raise TargetError(f"{target} took no event: {_plain(publishes[0].error)}; is --publish right?")
    if any(call.status == ACCEPTED for call in publishes) and not any(frame.carried for frame in history.frames):
        raise TargetError(
            f"{target} delivered nothing: two users connected and an event was caused for each, but no frame carried "
            "one; are --open, --publish and what they carry about the same users?"
        )


def _plain(error: str) -> str:
    return error.partition("Refused: ")[2] or error.partition("Answered: ")[2] or error


__all__ = ["exempt", "open_asgi"]
