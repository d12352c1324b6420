"""A run driven by hand: a scenario says what happens, step by step, and the checks judge it as they judge any run.

Every method runs the loop until it is quiet, except those named `start_...` and `turn`. Sends complete at once unless
their connection is held. At the end everything is released, everybody is probed and disconnected, as in any run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crosstalk.model.history import History
from crosstalk.scenarios.program import Program
from crosstalk.scenarios.runner import WALL, guarded
from crosstalk.scenarios.world import World
from crosstalk.schedule.clock import tied_to
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.watchdog import watchdog
from crosstalk.targets.in_process import Adapter


class Handle:
    """A call that was started: `done` says whether it has returned, raised or been cancelled."""

    def __init__(self, task: Any) -> None:
        self._task = task

    @property
    def done(self) -> bool:
        return bool(self._task.done())


class Stage:
    """Users are named by their id. A connection is known by the number that `connect` returned."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._devices = 0
        self._connecting: dict[int, Handle] = {}

    @property
    def users(self) -> tuple[str, ...]:
        return self._world.program.users

    def _user(self, user: str) -> int:
        return self._world.program.users.index(user)

    def _start(self, coroutine: Any, context: Any = None) -> Handle:
        return Handle(self._world.start(coroutine, context))

    def _run(self, handle: Handle) -> Handle:
        self.settle()
        return handle

    # -- connections -----------------------------------------------------------------------------------------

    def start_connect(self, user: str, reuse: int = -1) -> int:
        """Begin a connection of `user`; with `reuse`, on the socket object of that earlier connection."""
        device = self._devices
        self._devices += 1
        self._world.device_users[device] = self._user(user)
        context = self._world.context_of(device, fresh=True)
        self._connecting[device] = self._start(self._world.do_connect(device, reuse), context)
        return device

    def cancel_connect(self, connection: int) -> None:
        """Cancel the connect at the await where it stands."""
        self.cancel(self._connecting[connection])

    def connect(self, user: str, reuse: int = -1) -> int:
        """Connect `user`, and return the connection's number."""
        device = self.start_connect(user, reuse)
        self.settle()
        return device

    def start_disconnect(self, connection: int, gone: bool = False) -> Handle:
        return self._start(self._world.do_disconnect(connection, gone), self._world.context_of(connection))

    def disconnect(self, connection: int, gone: bool = False) -> Handle:
        """End the connection; with `gone` its peer vanishes first, so that sends raise."""
        return self._run(self.start_disconnect(connection, gone))

    def fail(self, connection: int) -> None:
        """The peer vanishes: held and later sends raise ConnectionResetError; nobody tells the broadcaster."""
        entry = self._world.open.get(connection)
        if entry is not None:
            self._world.do_drop_socket(self._world.wires[entry[1]._serial])
        self.settle()

    def stall(self, connection: int) -> None:
        """From now on nothing sent on the connection completes, until the end of the run."""
        self._world.do_stall(connection)

    def hold(self, connection: int) -> None:
        """Sends on the connection wait for `release`."""
        wire = self._wire(connection)
        if wire is not None:
            wire.held_by_hand = True

    def release(self, connection: int, count: int | None = None, settle: bool = True) -> None:
        """Let the first `count` waiting sends complete (default: all, and no later one waits)."""
        wire = self._wire(connection)
        if wire is None:
            return
        if count is None:
            wire.held_by_hand = False
        if wire.stalled:
            return
        freed = wire.held[: len(wire.held) if count is None else count]
        del wire.held[: len(freed)]
        for gate in freed:
            self._world.loop.open(gate)
        if settle:
            self.settle()

    def _wire(self, connection: int) -> Any:
        entry = self._world.open.get(connection) or self._world.ever.get(connection)
        return self._world.wires[entry[1]._serial] if entry is not None else None

    def waiting(self, connection: int) -> int:
        """How many sends on the connection wait for `release`."""
        wire = self._wire(connection)
        return len(wire.held) if wire is not None else 0

    # -- events ----------------------------------------------------------------------------------------------

    def start_publish(self, user: str, type: str = "partial_result", run: int = 0, mutate: bool = False) -> Handle:
        """Begin publishing an event; with `mutate` the publisher changes its object once the call has returned."""
        return self._start(self._world.do_publish(self._user(user), run, type, mutate))

    def publish(self, user: str, type: str = "partial_result", run: int = 0, mutate: bool = False) -> Handle:
        return self._run(self.start_publish(user, type, run, mutate))

    def twin(self, *users: str) -> Handle:
        """Publish one identical payload to each of `users` at the same time."""
        handles = [self._start(coroutine) for coroutine in self._world.twins(tuple(map(self._user, users)))]
        return self._run(handles[-1])

    def cancel(self, handle: Handle) -> None:
        """Cancel the call into the broadcaster at the await where it stands."""
        if not handle.done:
            self._world.cancel(handle._task)
        self.settle()

    # -- time ------------------------------------------------------------------------------------------------

    def turn(self, count: int = 1) -> None:
        """Run `count` iterations of the loop."""
        self._world.loop.turn(count)

    def settle(self) -> None:
        """Run until quiet, without moving the clock."""
        self._world.loop.settle(0.0)

    def sleep(self, seconds: float) -> None:
        """Run until quiet, and for `seconds` of virtual time."""
        self._world.loop.sleep(seconds)

    def census(self) -> None:
        """Count what is reachable from the broadcaster; growth is judged after three."""
        self._world.do_census()

    def collect(self) -> None:
        """A garbage collection."""
        self._world.do_collect()


def perform(
    scenario: Callable[[Stage], None],
    users: tuple[str, ...],
    factory: Callable[[], Any],
    adapter: Adapter,
    *,
    key: bytes = b"crosstalk-in-run",
) -> History:
    """Play `scenario` by hand on a fresh broadcaster, close the run as any other, and return its history."""
    world = World(Program(users, (), ()), Plain(), key, 1)
    with tied_to(world.loop), guarded(world), watchdog(WALL, world.loop.pulse):
        world.keep_sockets = True
        world.make(factory, adapter)
        world.phase = "playing the scenario"
        stage = Stage(world)
        scenario(stage)
        for connection in range(stage._devices):
            stage.release(connection)
        world.loop.settle(60.0)
        world.finish()
    return world.history
