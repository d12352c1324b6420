"""Plays a program on a target under a strategy, and hands back the history.

One run: program, stalls held, quiet, probe the users without a stalled socket, heal, quiet, probe everybody, disconnect
all, quiet. Each call into the broadcaster is a task of its own in a context of its own, as each request is in
production. After healing there is no new stall.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from crosstalk.model import canary
from crosstalk.model.history import (
    ACCEPTED,
    CANCELLED,
    FAILED,
    PENDING,
    Call,
    Content,
    Episode,
    Frame,
    History,
)
from crosstalk.scenarios.program import (
    AnyStep,
    Cancel,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Twin,
    Wait,
)
from crosstalk.scenarios.socket import Socket
from crosstalk.schedule.clock import tied_to
from crosstalk.schedule.loop import Gate, NeverQuiet, Strategy, VirtualLoop
from crosstalk.schedule.watchdog import ThreadBlocked, watchdog
from crosstalk.targets.in_process import Adapter

SETTLE = 60.0
WALL = 3.0
_ARRIVAL = 1 << 20


@dataclass(slots=True, eq=False)
class Wire:
    """The physical socket as the harness sees it."""

    serial: int
    episode: int
    dead: Exception | None = None
    stalled: bool = False
    excused: bool = False
    held_by_hand: bool = False
    held: list[Gate] = field(default_factory=list)
    receivers: list[asyncio.Future[Any]] = field(default_factory=list)


class World:
    """One run's outside world: sockets, calls and what is recorded of them."""

    def __init__(self, program: Program, strategy: Strategy, key: bytes, run_id: int) -> None:
        self.program = program
        self.key = key
        self.run_id = run_id
        self.loop = VirtualLoop(strategy)
        self.loop.on_jump = self._jumped
        self.history = History(program.users)
        self.wires: list[Wire] = []
        self.open: dict[int, tuple[int, Socket]] = {}
        self.last: dict[int, Socket] = {}
        self.busy: set[int] = set()
        self.pending: dict[int, tuple[asyncio.Task[Any], Call]] = {}
        self.cancelling: set[int] = set()
        self.healed = False
        self.closing = False
        self.phase = "starting"
        self.own: list[asyncio.Task[Any]] = []
        self.device_users = dict(enumerate(program.devices))
        self.ever: dict[int, tuple[int, Socket]] = {}
        self.parent: dict[int, Any] = {}
        self._publishes: dict[int, int] = {}
        self._tokens: dict[str, int] = {}
        self._snapshots: list[dict[str, Any]] = []
        self._frames: dict[bytes, int] = {}
        self.connect: Callable[[str, Any], Any]
        self.disconnect: Callable[[str, Any], Any]
        self.publish: Callable[[str, Any], Any]
        self.tamper: Callable[[World, int, bytes], list[tuple[int, bytes]]] | None = None

    # -- sockets ---------------------------------------------------------------------------------------------

    def is_dead(self, serial: int) -> bool:
        return self.wires[serial].dead is not None

    def _excuse(self, wire: Wire) -> None:
        if not wire.excused:
            wire.excused = True
            now = self.history.tick()
            self.history.episodes[wire.episode].excused = now

    def closed_by_broadcaster(self, serial: int) -> None:
        wire = self.wires[serial]
        self._excuse(wire)
        wire.dead = RuntimeError('Cannot call "send" once a close message has been sent.')
        self.history.note(f"the broadcaster closes socket {serial}")
        self._unblock(wire)
        self._hang_up(wire)

    def _unblock(self, wire: Wire) -> None:
        for gate in wire.held:
            self.loop.open(gate)
        wire.held.clear()

    def _hang_up(self, wire: Wire) -> None:
        for future in wire.receivers:
            if not future.done():
                future.set_exception(ConnectionResetError("the peer has gone"))
        wire.receivers.clear()

    async def receive(self, serial: int) -> Any:
        wire = self.wires[serial]
        if wire.dead is not None:
            raise wire.dead
        future: asyncio.Future[Any] = self.loop.create_future()
        wire.receivers.append(future)
        return await future

    async def gate(self, serial: int, kind: str) -> None:
        """Wait until the schedule lets this socket's operation complete; raises if the peer has gone."""
        wire = self.wires[serial]
        future: asyncio.Future[None] = self.loop.create_future()

        def complete() -> None:
            if not future.done():
                if wire.dead is not None and kind in ("send", "accept"):
                    future.set_exception(wire.dead)
                else:
                    future.set_result(None)

        gate = Gate(serial, kind, complete)
        if (wire.stalled or wire.held_by_hand) and wire.dead is None:
            wire.held.append(gate)
        else:
            self.loop.open(gate)
        try:
            await future
        except asyncio.CancelledError:
            self.loop.withdraw(gate)
            if gate in wire.held:
                wire.held.remove(gate)
            raise

    async def send(self, serial: int, payload: bytes) -> None:
        extra: list[tuple[int, bytes]] = []
        if self.tamper is not None:
            sends = self.tamper(self, serial, payload)
            if not sends or sends[0][0] != serial:
                for other, changed in sends:
                    self._record(other, changed, ACCEPTED)
                await self.gate(serial, "send")
                return
            payload, extra = sends[0][1], sends[1:]
        wire = self.wires[serial]
        row = self._record(serial, payload, PENDING)
        for other, changed in extra:
            self._record(other, changed, ACCEPTED)
        history = self.history
        try:
            if wire.dead is not None:
                raise wire.dead
            await self.gate(serial, "send")
        except asyncio.CancelledError:
            # the bytes may or may not have left
            history.send_status[row] = CANCELLED
            history.send_end[row] = history.tick()
            raise
        except BaseException:
            history.send_status[row] = FAILED
            history.send_end[row] = history.tick()
            self._excuse(wire)
            raise
        history.send_status[row] = ACCEPTED
        history.send_end[row] = history.tick()

    def _record(self, serial: int, payload: bytes, status: int) -> int:
        history = self.history
        frame = self._frames.get(payload)
        if frame is None:
            frame = self._interpret(payload)
        row = len(history.send_start)
        history.send_episode.append(self.wires[serial].episode)
        history.send_frame.append(frame)
        history.send_start.append(history.tick())
        history.send_end.append(history.now if status else 0)
        history.send_status.append(status)
        return row

    def _interpret(self, payload: bytes) -> int:
        tokens = list(dict.fromkeys(t.decode().lower() for t in canary.TOKEN.findall(payload)))
        known = [self._tokens[t] for t in tokens if t in self._tokens]
        foreign = tuple(t for t in tokens if t not in self._tokens)
        frame = Frame(-1, tuple(known), foreign, sample=payload[:400].decode("utf-8", "replace"))
        decoded: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            decoded = json.loads(payload)
        if isinstance(decoded, dict):
            event = _find_event(decoded, self._tokens)
            if event is not None:
                content = self._tokens[event["payload"]["canary"].lower()]
                frame.content = content
                frame.others = tuple(c for c in known if c != content)
                owner = decoded.get("user_id")
                frame.owner = owner if isinstance(owner, str) else None
                published = self._snapshots[content]
                changed = [k for k, v in published.items() if event.get(k) != v]
                if changed:
                    frame.altered = ", ".join(changed)
            frame.type = str((event or decoded).get("type", ""))
        if frame.content < 0 and len(known) == 1:
            frame.content, frame.others = known[0], ()
            if not frame.type:
                frame.type = self.history.contents[known[0]].type
        self.history.frames.append(frame)
        self._frames[payload] = len(self.history.frames) - 1
        return len(self.history.frames) - 1

    def _jumped(self, when: float) -> None:
        for gate in self.loop.gates:
            if gate.lane < _ARRIVAL and gate.lane >= 0:
                self._excuse(self.wires[gate.lane])
        for wire in self.wires:
            if wire.held:
                self._excuse(wire)
        self.history.note(f"time moves on by {when - self.loop.now:g} s")

    # -- calls -----------------------------------------------------------------------------------------------

    def start(self, call: Call, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        task = self.loop.create_task(coroutine)
        self.pending[id(call)] = (task, call)
        self.parent[id(call)] = asyncio.current_task(self.loop)
        return task

    async def _perform(self, call: Call, function: Callable[[str, Any], Any], argument: Any) -> None:
        history = self.history
        call.started = history.tick()
        history.calls.append(call)
        try:
            value = function(self.program.users[call.user], argument)
            if hasattr(value, "__await__"):
                value = await value
            call.value = value
            call.status = ACCEPTED
        except asyncio.CancelledError:
            if not self.closing:
                call.status = CANCELLED
                call.error = "CancelledError"
                call.excused = id(call) in self.cancelling
        except ThreadBlocked as error:
            history.crashes.append(f"{call.kind} of {self.program.users[call.user]!r} {error}")
            self.loop.limit = 0  # the rest of this run would only block again
        except Exception as error:
            call.status = FAILED
            call.error = f"{type(error).__name__}: {error}"
            call.where = _where(error)
            call.excused = self._is_injected(error, call.user)
        finally:
            if not self.closing:
                call.returned = history.tick()
            self.pending.pop(id(call), None)
            self.parent.pop(id(call), None)

    def _is_injected(self, error: BaseException, user: int) -> bool:
        seen: BaseException | None = error
        deaths = {
            id(w.dead) for w in self.wires if w.dead is not None and self.history.episodes[w.episode].user == user
        }
        while seen is not None:
            if id(seen) in deaths:
                return True
            if isinstance(seen, BaseExceptionGroup):
                return all(self._is_injected(e, user) for e in seen.exceptions)
            seen = seen.__cause__ or seen.__context__
        return False

    def _is_any_injected(self, error: BaseException) -> bool:
        return any(self._is_injected(error, user) for user in range(len(self.program.users)))

    async def do_connect(self, device: int, reuse: int = -1) -> None:
        if device in self.open or device in self.busy:
            return
        history = self.history
        user = self.device_users[device]
        socket = self.last.get(reuse) if reuse >= 0 else None
        if socket is not None:
            wire = self.wires[socket._serial]
            busy = any(s is socket for _, s in self.open.values()) or wire.dead or wire.stalled or wire.excused
            if busy or socket.closed or history.episodes[wire.episode].left > history.now:
                socket = None
        number = len(history.episodes)
        if socket is None:
            socket = Socket(self, len(self.wires))
            self.wires.append(Wire(socket._serial, number))
        else:
            self.wires[socket._serial].episode = number
        self.ever[device] = (number, socket)
        name = f"{self.program.users[user]}/{device}"
        episode = Episode(user, socket._serial, name, history.tick())
        history.episodes.append(episode)
        self.busy.add(device)
        call = Call("connect", user, 0, number)
        try:
            await self._await(call, self.connect, socket)
        finally:
            self.busy.discard(device)
        self.last[device] = socket
        if call.status == ACCEPTED and call.value is not False:
            episode.connected = call.returned
            self.open[device] = (number, socket)
        else:
            self._excuse(self.wires[socket._serial])
            self.wires[socket._serial].dead = RuntimeError("the connection was refused")

    async def do_disconnect(self, device: int, gone: bool = False) -> None:
        if device not in self.open or device in self.busy:
            return
        number, socket = self.open.pop(device)
        wire = self.wires[socket._serial]
        if gone:
            self.do_drop_socket(wire)
        episode = self.history.episodes[number]
        episode.leaving = self.history.tick()
        self.busy.add(device)
        call = Call("disconnect", episode.user, 0, number)
        try:
            await self._await(call, self.disconnect, socket)
        finally:
            self.busy.discard(device)
        if call.status == ACCEPTED:
            episode.left = call.returned
        self._hang_up(wire)

    def do_drop_socket(self, wire: Wire) -> None:
        if wire.dead is None:
            self._excuse(wire)
            wire.dead = ConnectionResetError("the peer has gone")
            self.history.note(f"the peer of socket {wire.serial} is gone")
            self._unblock(wire)
            self._hang_up(wire)

    def do_stall(self, device: int) -> None:
        if device in self.open and not self.healed:
            wire = self.wires[self.open[device][1]._serial]
            if wire.dead is None and not wire.stalled:
                self._excuse(wire)
                wire.stalled = True
                self.history.note(f"socket {wire.serial} stalls: its sends do not complete")
                for gate in [g for g in self.loop.gates if g.lane == wire.serial]:
                    self.loop.withdraw(gate)
                    wire.held.append(gate)

    def heal(self) -> None:
        self.healed = True
        for wire in self.wires:
            if wire.stalled:
                wire.stalled = False
                self._unblock(wire)

    async def do_publish(
        self, users: tuple[int, ...], run: int, type_: str, mutate: bool = False, probe: bool = False
    ) -> None:
        history = self.history
        content = len(history.contents)
        token = canary.mint(self.key, canary.Canary(self.run_id, users[0], run, content))
        history.contents.append(Content(frozenset(users), run, type_, token))
        self._tokens[token] = content
        calls = []
        for user in users:
            event: dict[str, Any] = {
                "type": type_,
                "run_id": f"run-{run}",
                "thread_id": f"thread-{run}",
                "payload": {"canary": token, "text": f"for {content}"},
            }
            if len(users) == 1:
                event["user_id"] = self.program.users[user]
            if user == users[0]:
                self._snapshots.append(msgspec.json.decode(msgspec.json.encode(event)))
            call = Call("publish", user, 0, content=content, probe=probe)
            history.contents[content].publishes += 1
            calls.append((call, event))
        tasks = [self.start(call, self._perform(call, self.publish, event)) for call, event in calls]
        for task in tasks:
            await _finished(task)
        if mutate:
            for _, event in calls:
                event["type"] = "changed_by_the_publisher"
                event["payload"]["text"] = "changed by the publisher"

    async def _await(self, call: Call, function: Callable[[str, Any], Any], argument: Any) -> None:
        await _finished(self.start(call, self._perform(call, function, argument)))

    # -- phases ----------------------------------------------------------------------------------------------

    def make(
        self, factory: Callable[[], Any], adapter: Adapter, sabotage: Callable[[World], None] | None = None
    ) -> None:
        """Make a fresh broadcaster on the loop, and find its three methods."""

        async def make() -> None:
            broadcaster = factory()
            if hasattr(broadcaster, "__await__"):
                broadcaster = await broadcaster
            self.connect, self.disconnect, self.publish = adapter.bind(broadcaster)
            if sabotage is not None:
                sabotage(self)

        self.phase = "starting"
        making = self.loop.create_task(make())
        self.own.append(making)
        self.loop.settle(SETTLE)
        if not making.done():
            raise NeverQuiet("the factory never returned")
        making.result()

    def finish(self, longest: float = 0.0) -> None:
        """Quiet with stalls held, probe the others, heal, probe everybody, disconnect all, quiet."""
        loop, history = self.loop, self.history
        history.note("quiet, stalls held")
        stalled = {history.episodes[w.episode].user for w in self.wires if w.stalled}
        history.unstalled = frozenset(range(len(self.program.users))) - stalled
        if stalled:
            self.phase = "probing with stalls held"
            self.own += [_probe(self, user) for user in sorted(history.unstalled)]
            loop.settle(SETTLE)
            history.blocked_calls = tuple(
                i for i, c in enumerate(history.calls) if c.status == PENDING and c.user in history.unstalled
            )
            history.stalled_quiet = history.tick()
            self.heal()
            history.note("healed")
            loop.settle(SETTLE + longest)
        self.phase = "probing everybody"
        self.own += [_probe(self, user) for user in range(len(self.program.users))]
        loop.settle(SETTLE)
        history.final_quiet = history.tick()
        self.phase = "disconnecting everybody"
        self.own += [loop.create_task(self.do_disconnect(device)) for device in sorted(self.open)]
        loop.settle(SETTLE)
        history.complete = True
        mine = {*self.own, *(task for task, _ in self.pending.values())}
        history.leftover_tasks = tuple(
            task.get_coro().__qualname__  # type: ignore[union-attr]
            for task in loop.tasks
            if not task.done() and task not in mine
        )
        for task in self.own:
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise RuntimeError("the harness failed") from task.exception()

    # -- tracks ----------------------------------------------------------------------------------------------

    async def track(self, number: int, steps: tuple[AnyStep, ...]) -> None:
        for step in steps:
            arrived: asyncio.Future[None] = self.loop.create_future()
            self.loop.open(Gate(_ARRIVAL + number, "arrival", lambda f=arrived: f.set_result(None)))  # type: ignore[misc]
            await arrived
            match step:
                case Connect(device, reuse):
                    await self.do_connect(device, reuse)
                case Disconnect(device, gone):
                    await self.do_disconnect(device, gone)
                case Publish(user, run, type_, mutate):
                    await self._publishing(number, (user,), run, type_, mutate)
                case Twin(first, second):
                    await self._publishing(number, tuple(dict.fromkeys((first, second))), 0, "partial_result", False)
                case Stall(device):
                    self.do_stall(device)
                case Drop(device):
                    if device in self.open:
                        self.do_drop_socket(self.wires[self.open[device][1]._serial])
                case Cancel(other):
                    self._cancel(other)
                case Wait(seconds):
                    await asyncio.sleep(seconds)

    async def _publishing(self, number: int, users: tuple[int, ...], run: int, type_: str, mutate: bool) -> None:
        self._publishes[number] = len(self.history.contents)
        try:
            await self.do_publish(users, run, type_, mutate)
        finally:
            self._publishes.pop(number, None)

    def _cancel(self, track: int) -> None:
        content = self._publishes.get(track)
        for identity, (task, call) in list(self.pending.items()):
            if call.kind == "publish" and call.content == content:
                self.cancelling.add(identity)
                task.cancel()
                self.history.note("the publish is cancelled by its caller")


async def _finished(task: asyncio.Task[Any]) -> None:
    await asyncio.wait((task,))


def _find_event(value: Any, tokens: dict[str, int]) -> dict[str, Any] | None:
    """The first dict, outermost first, that looks like one of our events."""
    level = [value]
    for _ in range(6):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                payload = item.get("payload")
                if (
                    isinstance(payload, dict)
                    and isinstance(payload.get("canary"), str)
                    and payload["canary"].lower() in tokens
                ):
                    return item
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        level = deeper
    return None


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    name = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        name = f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return name


def play(
    program: Program,
    factory: Callable[[], Any],
    adapter: Adapter,
    strategy: Strategy,
    *,
    key: bytes,
    run_id: int,
    sabotage: Callable[[World], None] | None = None,
) -> tuple[History, tuple[int, ...]]:
    """Play `program` once; returns the history and the tape of choices that replays it exactly."""
    strategy.begin()
    world = World(program, strategy, key, run_id)
    with watchdog(WALL), tied_to(world.loop.time):
        return _play(world, factory, adapter, sabotage)


def _play(
    world: World, factory: Callable[[], Any], adapter: Adapter, sabotage: Callable[[World], None] | None
) -> tuple[History, tuple[int, ...]]:
    program, loop = world.program, world.loop
    with guarded(world):
        world.make(factory, adapter, sabotage)
        world.phase = "playing the program"
        for number, steps in enumerate(program.tracks):
            world.own.append(loop.create_task(world.track(number, steps)))
        longest = sum(s.seconds for t in program.tracks for s in t if isinstance(s, Wait))
        loop.settle(SETTLE + longest)
        world.finish(longest)
    return world.history, tuple(loop.tape)


@contextlib.contextmanager
def guarded(world: World) -> Iterator[None]:
    """Whatever the broadcaster does to the thread or the loop within the block is a finding of the history."""
    history = world.history
    try:
        yield
    except ThreadBlocked as error:
        history.crashes.append(f"while {world.phase} the broadcaster {error}")
    except NeverQuiet as error:
        history.crashes.append(f"never quiet while {world.phase}: {error}")
    finally:
        _close(world)
    for context in world.loop.unhandled:
        failure = context.get("exception")
        if failure is not None and not world._is_any_injected(failure):
            history.notes.append((history.now, f"unhandled in a task: {type(failure).__name__}: {failure}"))


def _probe(world: World, user: int) -> asyncio.Task[Any]:
    return world.loop.create_task(world.do_publish((user,), 0, "probe", probe=True))


def _close(world: World) -> None:
    loop = world.loop
    world.closing = True
    for _ in range(3):
        tasks = [t for t in loop.tasks if not t.done()]
        if not tasks:
            break
        for task in tasks:
            task.cancel()
        loop.limit = loop.iterations + 2_000
        with contextlib.suppress(NeverQuiet):
            loop.settle(0.0)
    loop.unhandled, unhandled = [], loop.unhandled
    loop.close()
    loop.unhandled = unhandled
