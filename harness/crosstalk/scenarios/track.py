"""A track of a program under way: each step arrives when the schedule lets it, after the call before has returned."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from crosstalk.scenarios.program import (
    AnyStep,
    Burst,
    Cancel,
    Census,
    Collect,
    Connect,
    Disconnect,
    Drop,
    Publish,
    Stall,
    Twin,
    Wait,
)
from crosstalk.schedule.loop import UNSEEN, Gate

if TYPE_CHECKING:
    from crosstalk.scenarios.world import World

ARRIVAL = 1 << 20
"""Lanes of tracks begin here; those below are sockets'."""
SETTLE = 60.0
"""Virtual seconds in which timers may fire until it counts as quiet."""


class Track(Gate):
    """Steps one after another; the track is itself the gate that its next step arrives through."""

    __slots__ = ("calls", "index", "running", "steps", "tracks", "world")

    def __init__(self, world: World, tracks: list[Track], steps: tuple[AnyStep, ...]) -> None:
        self.lane = ARRIVAL + len(tracks)
        self.kind = "arrival"
        self.world = world
        self.tracks = tracks
        self.steps = steps
        self.index = 0
        self.calls = 0
        self.running: list[asyncio.Task[None]] = []
        tracks.append(self)
        world.tracks_left += 1
        self.advance()

    def advance(self) -> None:
        """The step before is over: the next one may arrive."""
        world = self.world
        if self.index < len(self.steps):
            if not (world.over or world.closing):
                loop = world.loop
                self.priority = UNSEEN
                self.opened = loop.now
                loop.gates.append(self)
            return
        world.tracks_left -= 1
        if not world.tracks_left:
            world.loop.horizon = min(world.loop.horizon, world.loop.now + world.settling)

    def returned(self) -> None:
        """One of the calls that the step made is over."""
        self.calls -= 1
        if not self.calls:
            self.running.clear()
            self.advance()

    def _begin(self, coroutine: Coroutine[Any, Any, None], context: contextvars.Context | None = None) -> None:
        self.calls += 1
        self.running.append(self.world.start(coroutine, context))

    def _cancel(self) -> None:
        """The caller of the first call that is not over gives up."""
        for task in self.running:
            if not task.done():
                if inspect.getcoroutinestate(cast(Any, task.get_coro())) == inspect.CORO_CREATED:
                    # it will never begin, and so never tell
                    task.add_done_callback(lambda _: self.returned())
                self.world.cancel(task)
                return

    def complete(self) -> None:
        """The next step arrives."""
        world = self.world
        step = self.steps[self.index]
        self.index += 1
        if type(step) is Publish:  # most are, and matching takes its time
            self.calls += 1
            publish = world.do_publish(step.user, step.run, step.type, step.mutate, then=self.returned)
            self.running.append(world.start(publish))
            return
        match step:
            case Connect(device, reuse):
                self._begin(world.do_connect(device, reuse, self.returned), world.context_of(device, fresh=True))
            case Disconnect(device, gone, cancelled):
                self._begin(world.do_disconnect(device, gone, self.returned), world.context_of(device))
                if cancelled:
                    world.loop.call_soon(world.cancel_at_await, self.running[-1])
            case Burst(users):
                if not users:
                    self.advance()
                for user in users:
                    self._begin(world.do_publish(user, 0, "partial_result", then=self.returned))
            case Twin(first, second):
                for twin in world.twins(tuple(dict.fromkeys((first, second))), self.returned):
                    self._begin(twin)
            case Wait(seconds):
                world.waits.append((world.loop.jumps, world.loop.call_later(seconds, self.advance), self))
            case _:
                self._at_once(step)
                self.advance()

    def _at_once(self, step: AnyStep) -> None:
        world = self.world
        match step:
            case Stall(device):
                world.do_stall(device)
            case Drop(device):
                if device in world.open:
                    world.do_drop_socket(world.wires[world.open[device][1]._serial])
            case Cancel(track):
                if track < len(self.tracks):
                    self.tracks[track]._cancel()
            case Collect():
                world.do_collect()
            case Census():
                world.do_census()
