"""Plays a program on a target under a strategy, and hands back the history.

One run: program, stalls held, quiet, probe the users without a stalled socket, heal, quiet, probe everybody, disconnect
all, quiet. After healing there is no new stall.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator
from typing import Any

from crosstalk.model.guarantees import Guarantees
from crosstalk.scenarios.answers import answers
from crosstalk.scenarios.program import Program, Wait
from crosstalk.scenarios.track import SETTLE, Track
from crosstalk.scenarios.world import World
from crosstalk.schedule.clock import dice_kept, tied_to
from crosstalk.schedule.loop import NeverQuiet, Strategy
from crosstalk.schedule.watchdog import ThreadBlocked, ticking, watchdog
from crosstalk.targets.in_process import Adapter

WALL = 3.0
"""Seconds that code may keep the thread without awaiting."""

__all__ = ["WALL", "World", "guarded", "many_runs", "run_world"]


def run_world(
    program: Program,
    factory: Callable[[], Any],
    adapter: Adapter,
    strategy: Strategy,
    *,
    key: bytes,
    run_id: int,
    sabotage: Callable[[World], None] | None = None,
    guarantees: Guarantees | None = None,
    patience: float = 0.0,
    settling: float = SETTLE,
) -> World:
    """Play `program` once, and hand back the whole world of the run.

    `patience` is how many more seconds of virtual time the schedule may let pass while the program is played, for the
    broadcaster's own timers. `settling` is in how many timers may fire until it counts as quiet.
    """
    strategy.begin()
    world = World(program, strategy, key, run_id, guarantees, settling)
    loop = world.loop
    tracks: list[Track] = []
    with tied_to(loop), guarded(world), watchdog(WALL, loop.pulse), loop:
        world.make(factory, adapter, sabotage)
        world.phase = "playing the program"
        for steps in program.tracks:
            Track(world, tracks, steps)
        longest = sum(s.seconds for t in program.tracks for s in t if type(s) is Wait)
        loop.settle(settling + longest + patience)
        _settle_while_steps_go_on(world, tracks)
        world.finish(longest)
        if adapter.ending is not None:
            world.phase = "shutting down"
            world.start(adapter.ending(world))
            loop.settle(SETTLE)
    tracks.clear()
    world.history.answers = answers(world)
    return world


def _settle_while_steps_go_on(world: World, tracks: list[Track]) -> None:
    """A program whose calls take their time is not cut short while its steps still follow one another."""
    loop = world.loop
    while world.tracks_left:
        latest = max((t.opened for t in tracks if t.calls or t.index < len(t.steps)), default=-world.settling)
        waits = [timer.when() for _, timer, _ in world.waits if timer.when() > loop.now and not timer.cancelled()]
        if loop.now - latest >= world.settling and not waits:
            break
        before = loop.now, sum(track.index for track in tracks)
        loop.settle(max(waits, default=loop.now) - loop.now + world.settling)
        if before == (loop.now, sum(track.index for track in tracks)):
            break


@contextlib.contextmanager
def many_runs() -> Iterator[None]:
    """Do once what each run in the block would do again: put the dice back, start and stop the watchdog's clock."""
    with dice_kept(), ticking(), _unheard():
        yield


@contextlib.contextmanager
def guarded(world: World) -> Iterator[None]:
    """Whatever the broadcaster does to the thread or the loop within the block is a finding of the history."""
    history = world.history
    with _unheard():
        try:
            yield
        except ThreadBlocked as error:
            history.crashes.append(f"while {world.phase} the broadcaster {error}")
        except NeverQuiet as error:
            history.crashes.append(f"never quiet while {world.phase}: {error}")
        except SystemExit as error:
            history.crashes.append(f"while {world.phase} the broadcaster left the process: SystemExit: {error}")
        except RecursionError as error:
            history.crashes.append(f"while {world.phase}: RecursionError: {error}")
        finally:
            _close(world)
    for context in world.loop.unhandled:
        failure = context.get("exception")
        if failure is not None and not world._is_any_injected(failure):
            history.notes.append((history.now, f"unhandled in a task: {type(failure).__name__}: {failure}"))
    world.loop.unhandled.clear()
    world.part()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """What a coroutine raises that is thrown away (a task that nobody holds) is nobody's to read, run after run."""
    told, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = told


def _close(world: World) -> None:
    world.closing = True
    if world.own or world.loop.unfinished:
        _end_tasks(world)
    world.loop.close()


def _end_tasks(world: World) -> None:
    loop = world.loop
    with contextlib.suppress(ThreadBlocked, SystemExit), watchdog(1.0):
        for _ in range(3):
            tasks = [*(task for task in world.own if not task.done()), *loop.unfinished]
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            loop.limit = loop.iterations + 2_000
            with contextlib.suppress(NeverQuiet):
                loop.settle(0.0)
    for task in loop.unfinished:
        _keep_for_ever(task)


def _keep_for_ever(task: object) -> None:
    """A coroutine that no cancellation ends is never destroyed: it would catch its GeneratorExit too, and without its
    loop that can be a circle that nothing breaks, neither a watchdog nor the end of the process."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
