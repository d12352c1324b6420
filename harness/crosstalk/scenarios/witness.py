"""A witness to one replay: which line of the broadcaster's sent each frame, and what was open at each decision.

Both are too dear for exploration, and come free in a replay of a minimal counterexample: sends are seen through the
same seam that a sabotage uses, decisions through a strategy around the tape's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from crosstalk.model.scene import Place
from crosstalk.scenarios.words import step_words
from crosstalk.schedule.loop import Gate, Gates, Strategy

if TYPE_CHECKING:
    from crosstalk.scenarios.world import World

_HARNESS = Path(__file__).parents[1]
_OURS = tuple(str(_HARNESS / room) + os.sep for room in ("scenarios", "schedule", "targets"))
_LOOP = os.path.dirname(asyncio.__file__) + os.sep
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", os.path.dirname(os.__file__) + os.sep)


def place_of(code: CodeType, line: int) -> Place:
    """`code`'s file as somebody in this folder would type it; outside of it, .../ and the file's name."""
    path = Path(code.co_filename)
    try:
        shown = path.resolve().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        shown = f".../{path.name}"
    return Place(shown, line, code.co_qualname)


def sender(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of code that is neither the harness's nor, where there is such a one, a library's."""
    fallback = None
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_OURS):
            if name.startswith((_LOOP, "<")):
                break
            if not any(part in name for part in _LIBRARIES):
                return frame
            fallback = fallback or frame
        frame = frame.f_back
    return fallback


@dataclass(slots=True)
class Seen:
    """One decision: logical time, and what was open then, in words of the world it was asked in."""

    time: int
    open: tuple[str, ...]
    can_hold: bool
    choice: int


@dataclass(slots=True)
class Witness:
    """`places[row]` is where row was sent from, `publishes_at` where the method that publishes is defined; `decisions`
    are in the order of the tape.

    `at_send` is called with the row and the broadcaster's frame before the frame goes out, `at_publish` with the number
    of the call, and a frame that holds `user`, `given` and `publish`, before it is made.
    """

    places: dict[int, Place] = field(default_factory=dict)
    decisions: list[Seen] = field(default_factory=list)
    at_send: Callable[[int, FrameType], None] | None = None
    at_publish: Callable[[int, FrameType], None] | None = None
    world: World | None = None
    publishes_at: Place | None = None

    def attach(self, world: World) -> None:
        """To be given as a run's `sabotage`, which changes nothing."""
        self.world = world
        plan = getattr(world.adapter, "publish", None)
        self.publishes_at = _defined_at(world.broadcaster, getattr(plan, "name", ""))
        world.tamper = self._sent
        if self.at_publish is not None:
            publish, told = world.publish, self.at_publish

            def published(user: str, given: dict[str, Any]) -> Any:
                told(len(world.history.calls) - 1, sys._getframe())
                return publish(user, given)

            world.publish = published

    def _sent(self, world: World, serial: int, payload: bytes) -> list[tuple[int, bytes]]:
        frame = sender(sys._getframe(1))
        if frame is not None:
            row = len(world.history.send_start)
            self.places[row] = place_of(frame.f_code, frame.f_lineno)
            if self.at_send is not None:
                self.at_send(row, frame)
        return [(serial, payload)]

    def chosen(self, gates: list[Gate], can_hold: bool, choice: int) -> None:
        world = self.world
        if world is not None:
            words = tuple(_words(world, gate) for gate in gates)
            self.decisions.append(Seen(world.history.now, words, can_hold, choice))


def _defined_at(broadcaster: object, method_name: str) -> Place | None:
    method: Any = getattr(broadcaster, method_name, None)
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    if not isinstance(code, CodeType) or code.co_filename.startswith(_OURS):
        return None  # an application behind a target of ours has no such method
    return place_of(code, code.co_firstlineno)


class Watched:
    """A strategy whose decisions the witness sees."""

    def __init__(self, inner: Strategy, witness: Witness) -> None:
        self.inner = inner
        self.witness = witness

    def begin(self) -> None:
        self.inner.begin()

    def choose(self, gates: Gates, can_hold: bool) -> int:
        choice = self.inner.choose(gates, can_hold)
        self.witness.chosen(gates, can_hold, choice)
        return choice


def _words(world: World, gate: Gate) -> str:
    lane = gate.lane
    if gate.kind == "arrival":
        steps, index = getattr(gate, "steps", ()), getattr(gate, "index", 0)
        return step_words(world.program, steps[index]) if index < len(steps) else "the next step of a track"
    if 0 <= lane < len(world.wires):
        episode = world.history.episodes[world.wires[lane].episode]
        what = {"send": "a send", "accept": "an accept"}.get(gate.kind, f"a {gate.kind}")
        return f"{what} to {episode.device} (socket {lane}) is answered"
    return "a thread's work ends" if gate.kind == "thread" else f"the {gate.kind} is answered"
