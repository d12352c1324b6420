"""The physical socket as the harness sees it, and what its operations wait for."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, PENDING
from crosstalk.schedule.loop import UNSEEN, Gate

if TYPE_CHECKING:
    from crosstalk.scenarios.world import World

TO_PEER = ("send", "accept")


@dataclass(slots=True, eq=False)
class Wire:
    """The physical socket as the harness sees it."""

    serial: int
    episode: int
    prompt: bool = False
    dead: Exception | None = None
    stalled: bool = False
    excused: bool = False
    held_by_hand: bool = False
    # of its latest episode, when the disconnect has returned: the moment, the tasks not begun, the number of all tasks
    left: int = -1
    scheduled: tuple[weakref.ref[asyncio.Task[Any]], ...] = ()
    tasks: int = 0
    held: list[Gate] = field(default_factory=list)
    receivers: list[asyncio.Future[Any]] = field(default_factory=list)


class Answer(Gate):
    """What a socket's operation waits for: success, or for what goes to the peer the error that killed the wire."""

    __slots__ = ("future", "wire")

    def __init__(self, wire: Wire, kind: str, future: asyncio.Future[None]) -> None:
        self.lane = wire.serial
        self.kind = kind
        self.wire = wire
        self.future = future
        self.opened = 0.0
        self.priority = UNSEEN

    def complete(self) -> None:
        future = self.future
        if not future.done():
            dead = self.wire.dead
            if dead is not None and self.kind in TO_PEER:
                future.set_exception(dead)
            else:
                future.set_result(None)


class Sending(Answer):
    """A send under way: awaiting it records how it ended. `World.begin_frame` fills it in."""

    __slots__ = ("marks", "row", "world")

    kind = "send"

    marks: int
    row: int
    world: World

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield from self.future
        except asyncio.CancelledError:
            self.world.failed(self, CANCELLED)
            raise
        except BaseException:
            self.world.failed(self, FAILED)
            raise
        world = self.world
        history, row = world.history, self.row
        if world.marks != self.marks:
            episode = history.send_episode[row]
            world.reached("send", self.marks, episode, self.wire.episode != episode)
        history.send_status[row] = ACCEPTED
        history.now = history.send_end[row] = history.now + 1

    def unawaited(self) -> None:
        """Record how it ended, unless whoever awaits it does."""
        if self.future.cancelled() or self.world.history.send_status[self.row] != PENDING:
            return
        if self.future.exception() is not None:
            self.world.failed(self, FAILED)
        else:
            history = self.world.history
            history.send_status[self.row] = ACCEPTED
            history.now = history.send_end[self.row] = history.now + 1


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)
