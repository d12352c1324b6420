"""A program played on an asyncio loop that is not Crosstalk's: the sockets, the history and the checks are the same.

Crosstalk's world asks its loop for little: tasks, timers, and to answer what sockets and users wait for. `equip` lends
that to any other loop, where each answer comes after a delay of its own; so whoever explores schedules by other means,
by chance in real time or with a loop of their own, can be measured on the same programs and by the same checks.

What is left out: the clock and the dice of the code under test are not tied to the run, and memory is not counted.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from crosstalk.checks import CHECKS
from crosstalk.examination import KEY, Examination
from crosstalk.model.history import PENDING
from crosstalk.scenarios.program import Program
from crosstalk.scenarios.runner import World
from crosstalk.scenarios.track import ARRIVAL, Track
from crosstalk.scenarios.wire import Wire
from crosstalk.schedule.loop import Gate
from crosstalk.schedule.strategies.plain import Plain

SOUND = tuple(name for name in CHECKS if name not in ("cleanup", "blocking", "crash"))
"""The checks that speak: not those that count memory, or that need to know that nothing more will ever come."""
SLOW = 1.0
"""Seconds of the loop's time that a send may take before its connection may be given up."""

ITERATION = 16
"""So many handles count as an iteration, on a loop that has none."""

Delay = Callable[[Gate], float]
Settle = Callable[[], Awaitable[None]]


class Owed(list[Gate]):
    """The gates that are open. World and tracks put theirs straight in; each is answered in time."""

    def __init__(self, owe: Callable[[Gate], None]) -> None:
        self.owe = owe

    def append(self, gate: Gate) -> None:
        super().append(gate)
        self.owe(gate)


class LiveWorld(World):
    """A world on another loop: whatever starts within two iterations of a disconnect was under way."""

    def _moment(self) -> int:
        loop: Any = self.loop
        return int(loop.iterations if hasattr(loop, "iterations") else loop.steps // ITERATION)

    def _not_begun(self) -> tuple[int, tuple[Any, ...]]:
        return 0, ()

    def _was_scheduled(self, wire: Wire) -> bool:
        return True


def equip(loop: Any, world: World, delay: Delay) -> None:
    """Give `loop` what a world asks for beyond asyncio; each answer comes `delay` seconds after it is owed."""
    loop.jumps = loop.limit = 0
    loop.now = loop.horizon = float("inf")  # only a virtual clock can be asked to stop
    loop.world = world

    def answer(gate: Gate) -> None:
        if gate in loop.gates:
            loop.gates.remove(gate)
            gate.complete()

    def excuse(gate: Gate) -> None:
        if gate in loop.gates:
            world._excuse(world.wires[gate.lane])

    def owe(gate: Gate) -> None:
        seconds = delay(gate)
        slow = max(SLOW, world.guarantees.frame_seconds)
        if seconds > slow and 0 <= gate.lane < ARRIVAL:
            loop.call_later(slow, excuse, gate)
        if seconds > 0:
            loop.call_later(seconds, answer, gate)
        else:
            loop.call_soon(answer, gate)

    def withdraw(gate: Gate) -> None:
        if gate in loop.gates:
            loop.gates.remove(gate)

    loop.gates = Owed(owe)
    loop.open, loop.withdraw = loop.gates.append, withdraw
    world.loop = loop


async def live(
    examination: Examination, program: Program, run_id: int, delay: Delay, settle: Settle
) -> tuple[str, ...]:
    """Play `program` on the running loop, probe and end as Crosstalk does, and name the checks that are violated.

    `settle` waits until all is quiet, or for as long as it has patience.
    """
    world = LiveWorld(program, Plain(), KEY, run_id & 0xFFFF, examination.guarantees)
    world.loop.close()
    loop: Any = asyncio.get_running_loop()
    equip(loop, world, delay)
    broadcaster = examination.factory()
    if hasattr(type(broadcaster), "__await__"):
        broadcaster = await broadcaster
    world.adapter = examination.adapter
    world.broadcaster = broadcaster
    world.connect, world.disconnect, world.publish = examination.adapter.bind(broadcaster)
    tracks: list[Track] = []
    for steps in program.tracks:
        Track(world, tracks, steps)
    await _played(tracks, settle)
    await _finished(world, settle)
    found = tuple(check for check in SOUND if CHECKS[check](world.history).violations)
    world.closing = True
    for context in loop.unhandled:
        error = context.get("exception")
        if error is not None and not world._is_any_injected(error) and _of_the_harness(error):
            raise error
    return found


def _of_the_harness(error: BaseException) -> bool:
    """Whether the harness raised it by itself: what the code under test raises unheard is its own affair."""
    files = [Path(frame.filename).parts for frame in traceback.extract_tb(error.__traceback__)]
    return bool(files) and "crosstalk" in files[-1] and not any("zoo" in file for file in files)


async def _played(tracks: list[Track], settle: Settle) -> None:
    """Until every track is through, or stands still: behind a stalled socket, say."""
    for _ in range(100):
        before = [(track.index, track.calls) for track in tracks]
        await settle()
        if before == [(track.index, track.calls) for track in tracks]:
            return


async def _finished(world: World, settle: Settle) -> None:
    """As `World.finish`: probes with stalls held, healing, probes of everybody, and everybody disconnects."""
    history = world.history
    stalled = {history.episodes[w.episode].user for w in world.wires if w.stalled}
    history.unstalled = frozenset(range(len(world.program.users))) - stalled
    if stalled:
        for user in sorted(history.unstalled):
            world._probe(user)
        await settle()
        history.blocked_calls = tuple(
            i for i, c in enumerate(history.calls) if c.status == PENDING and c.user in history.unstalled
        )
        history.stalled_quiet = history.tick()
        world.heal()
        await settle()
    for user in range(len(world.program.users)):
        world._probe(user)
    await settle()
    history.final_quiet = history.tick()
    for device in sorted(world.open):
        world.start(world.do_disconnect(device), world.context_of(device))
    await settle()
    history.complete = True
