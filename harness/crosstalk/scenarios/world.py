"""One run's outside world: sockets, calls into the broadcaster, and what is recorded of them.

Each call into the broadcaster is a task of its own in a context of its own, as each request is in production; the
calls of one connection (connect and disconnect) share theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from crosstalk.model import canary
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import (
    ACCEPTED,
    CANCELLED,
    FAILED,
    NEVER,
    PENDING,
    Call,
    Content,
    Count,
    Episode,
    Frame,
    History,
)
from crosstalk.scenarios.library_types import is_end
from crosstalk.scenarios.program import (
    AnyStep,
    Burst,
    Cancel,
    Census,
    Collect,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Twin,
    Wait,
)
from crosstalk.scenarios.reachable import reachable
from crosstalk.scenarios.socket import Socket
from crosstalk.schedule.loop import Gate, NeverQuiet, Strategy, VirtualLoop
from crosstalk.schedule.watchdog import ThreadBlocked, unwatched
from crosstalk.targets.in_process import Adapter

SETTLE = 60.0
_TO_PEER = ("send", "accept")
ARRIVAL = 1 << 20
_OURS = str(Path(__file__).parents[1])
# Errors of code, never of a contract: raised to whom published for an absent user they are no refusal.
_MISTAKES = (LookupError, TypeError, AttributeError, NameError, AssertionError, RecursionError, UnboundLocalError)


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
        self.priority = -1.0

    def complete(self) -> None:
        future = self.future
        if not future.done():
            dead = self.wire.dead
            if dead is not None and self.kind in _TO_PEER:
                future.set_exception(dead)
            else:
                future.set_result(None)


class World:
    """`connect`, `disconnect` and `publish` are the broadcaster's, called with (user id, what can be given)."""

    def __init__(
        self, program: Program, strategy: Strategy, key: bytes, run_id: int, guarantees: Guarantees | None = None
    ) -> None:
        self.program = program
        self.key = key
        self.run_id = run_id
        self.loop = VirtualLoop(strategy, limit=50_000 + 200 * program.steps)
        self.loop.on_jump = self._jumped
        self.guarantees = guarantees or Guarantees()
        self.history = History(program.users, guarantees=self.guarantees)
        self.device_users = dict(enumerate(program.devices))
        self.prompt = frozenset(program.prompt)
        self.reused = {
            step.reuse for track in program.tracks for step in track if type(step) is Connect and step.reuse >= 0
        }
        self.wires: list[Wire] = []
        self.open: dict[int, tuple[int, Socket]] = {}
        self.last: dict[int, Socket] = {}
        self.ever: dict[int, tuple[int, Socket]] = {}
        self.busy: set[int] = set()
        self.pending: dict[int, tuple[asyncio.Task[Any] | None, Call]] = {}
        self.cancelling: set[int] = set()
        self.own: list[asyncio.Task[Any]] = []
        self.healed = False
        self.closing = False
        self.phase = "starting"
        self.broadcaster: Any = None
        self.adapter: Adapter
        self.connect: Callable[[str, dict[str, Any]], Any]
        self.disconnect: Callable[[str, dict[str, Any]], Any]
        self.publish: Callable[[str, dict[str, Any]], Any]
        self.hoard: list[Any] = []
        self.tracks_left = 0
        self.waits: list[tuple[int, asyncio.TimerHandle, Track]] = []
        self.marks: tuple[int, ...] = (0, 0, 0, 0)
        self.cells: set[tuple[object, ...]] = set()
        self.tamper: Callable[[World, int, bytes], list[tuple[int, bytes]]] | None = None
        self._tokens: dict[str, int] = {}
        self._snapshots: list[dict[str, Any]] = []
        self._frames: dict[bytes, int] = {}
        self._pumps: dict[int, asyncio.Task[Any]] = {}
        self._values: dict[int, Any] = {}
        self._contexts: dict[int, contextvars.Context] = {}
        self._deaths: dict[int, int] = {}

    # -- sockets ---------------------------------------------------------------------------------------------

    def is_dead(self, serial: int) -> bool:
        return self.wires[serial].dead is not None

    def user_of(self, serial: int) -> str:
        return self.program.users[self.history.episodes[self.wires[serial].episode].user]

    def _excuse(self, wire: Wire) -> None:
        if not wire.excused:
            wire.excused = True
            self.history.episodes[wire.episode].excused = self.history.tick()

    def _kill(self, wire: Wire, error: Exception) -> None:
        wire.dead = error
        self._deaths[id(error)] = self.history.episodes[wire.episode].user

    def closed_by_broadcaster(self, serial: int) -> None:
        if self.closing:
            return
        wire = self.wires[serial]
        self._excuse(wire)
        self._kill(wire, RuntimeError('Cannot call "send" once a close message has been sent.'))
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
        if self.closing:
            raise ConnectionResetError("the run is over")
        future: asyncio.Future[Any] = self.loop.create_future()
        wire.receivers.append(future)
        return await future

    async def gate(self, serial: int, kind: str) -> None:
        """Wait until the schedule lets this socket's operation complete; raises if the peer has gone."""
        wire = self.wires[serial]
        if wire.prompt and not wire.stalled and not wire.held_by_hand:
            if wire.dead is not None and kind in _TO_PEER:
                raise wire.dead
            return
        marks, episode = self.marks, wire.episode
        gate = self._answer(wire, kind)
        try:
            await gate.future
        except asyncio.CancelledError:
            self._give_up(wire, gate)
            raise
        if self.marks is not marks:
            self._reached(kind, marks, episode, wire.episode != episode)

    def _answer(self, wire: Wire, kind: str) -> Answer:
        gate = Answer(wire, kind, asyncio.Future(loop=self.loop))
        if (wire.stalled or wire.held_by_hand) and wire.dead is None:
            wire.held.append(gate)
        else:
            self.loop.open(gate)
        return gate

    def _give_up(self, wire: Wire, gate: Gate) -> None:
        self.loop.withdraw(gate)
        if gate in wire.held:
            wire.held.remove(gate)

    def _mark(self, what: int) -> None:
        marks = self.marks
        self.marks = (*marks[:what], marks[what] + 1, *marks[what + 1 :])

    def _reached(self, kind: str, before: tuple[int, ...], episode: int, taken: bool) -> None:
        """Note what came and went while something of `kind` was waiting: see schedule/strategies/feedback.py."""
        gone = episode >= 0 and self.history.episodes[episode].leaving != NEVER
        now = self.marks
        self.cells.add(
            (
                kind,
                min(3, now[0] - before[0]),
                min(3, now[1] - before[1]),
                min(2, now[2] - before[2]),
                min(1, now[3] - before[3]),
                gone,
                taken,
                len(self.open),
            )
        )

    async def send(self, serial: int, payload: bytes) -> None:
        if self.closing:
            raise ConnectionResetError("the run is over")
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
        gate: Answer | None = None
        try:
            if wire.dead is not None:
                raise wire.dead
            if not wire.prompt or wire.stalled or wire.held_by_hand:
                marks, episode = self.marks, wire.episode
                gate = self._answer(wire, "send")
                await gate.future
                if self.marks is not marks:
                    self._reached("send", marks, episode, wire.episode != episode)
        except asyncio.CancelledError:
            if gate is not None:
                self._give_up(wire, gate)
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
        if row >= FLOOD:
            raise NeverQuiet(f"more than {FLOOD:,} frames were sent in one run")
        history.send_episode.append(self.wires[serial].episode)
        history.send_frame.append(frame)
        history.send_start.append(history.tick())
        history.send_end.append(history.now if status else 0)
        history.send_status.append(status)
        return row

    # -- frames ----------------------------------------------------------------------------------------------

    def _interpret(self, payload: bytes) -> int:
        decoded = _decoded(payload)
        try:  # most frames are an event just as it was published
            content = self._tokens[decoded["payload"]["canary"]]
            published = self._snapshots[content]
            if decoded == published:
                frame = Frame(content, (), (), published["type"], published.get("user_id"), sample=_sample(payload))
                return self._keep(payload, frame)
        except (TypeError, KeyError, LookupError):
            pass
        tokens = list(dict.fromkeys(t.decode().lower() for t in canary.TOKEN.findall(payload)))
        known = [self._tokens[t] for t in tokens if t in self._tokens]
        foreign = tuple(t for t in tokens if t not in self._tokens)
        frame = Frame(-1, tuple(known), foreign, sample=_sample(payload))
        event: dict[str, Any] | None = None
        if known:
            event, outer = _find_event(decoded, self._tokens)
            if event is not None:
                self._read_event(frame, event, outer, known, decoded)
        if not frame.type and isinstance(decoded, dict):
            frame.type = str(decoded.get("type", ""))
        if frame.content < 0 and len(known) == 1:
            frame.content, frame.others = known[0], ()
            frame.type = frame.type or self.history.contents[known[0]].type
        return self._keep(payload, frame)

    def _keep(self, payload: bytes, frame: Frame) -> int:
        number = self._frames[payload] = len(self.history.frames)
        self.history.frames.append(frame)
        return number

    def _read_event(
        self, frame: Frame, payload: dict[str, Any], outer: list[dict[str, Any]], known: list[int], root: Any
    ) -> None:
        """`payload` is the innermost object with a canary, `outer` what it lies in, innermost first."""
        content = self._tokens[payload["canary"].lower()]
        published = self._snapshots[content]
        frame.content = content
        frame.others = tuple(c for c in known if c != content)
        if len(known) > 1:
            whole_events = list(_whole(root, self._tokens))
            if len(whole_events) > 1:
                frame.types = tuple(str(e.get("type", "")) for e in whole_events)
                frame.batch = tuple(self._tokens[e["payload"]["canary"].lower()] for e in whole_events)
                frame.others = tuple(c for c in known if c not in frame.batch)
                wrong = [
                    key
                    for content, event in zip(frame.batch, whole_events, strict=True)
                    for key, value in self._snapshots[content].items()
                    if event.get(key) != value
                ]
                frame.altered = ", ".join(dict.fromkeys(wrong))
                return
        event = outer[0] if outer else payload
        whole = bool(outer) and event.get("payload") is payload
        changed = ["payload"] if any(payload.get(k) != v for k, v in published["payload"].items()) else []
        if whole:
            changed = [k for k, v in published.items() if event.get(k) != v and (k != "payload" or changed)]
            if not self.guarantees.additions and (len(outer) > 1 or event.keys() - published.keys()):
                changed.append("fields added")
        frame.altered = ", ".join(changed)
        for level in (payload, *outer):
            owner = level.get("user_id")
            if isinstance(owner, str):
                frame.owner = owner
            type_ = level.get("type", level.get("event_type", level.get("event")))
            if isinstance(type_, str) and not frame.type:
                frame.type = type_

    # -- calls -----------------------------------------------------------------------------------------------

    async def _perform(self, call: Call, function: Callable[[str, Any], Any], given: dict[str, Any]) -> None:
        history = self.history
        self.pending[id(call)] = (asyncio.current_task(self.loop), call)
        marks = self.marks
        call.started = history.tick()
        history.calls.append(call)
        try:
            value = function(self.program.users[call.user], given)
            if hasattr(type(value), "__await__"):
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
        except NeverQuiet:
            raise
        except (SystemExit, GeneratorExit) as error:
            call.status = FAILED
            call.error = f"{type(error).__name__}: {error}"
            call.where = _where(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            call.status = FAILED
            call.error = f"{type(error).__name__}: {error}"
            call.where = _where(error)
            call.excused = self._is_injected(error, call.user) or self._is_refusal(error, call)
            if call.kind == "connect" and call.excused:
                history.episodes[call.episode].refused = True
        finally:
            if not self.closing:
                call.returned = history.tick()
                if self.marks is not marks:
                    self._reached(call.kind, marks, call.episode, False)
            self.pending.pop(id(call), None)

    def _is_injected(self, error: BaseException, user: int) -> bool:
        """Whether `error` is, wraps or follows from a dead socket of `user`."""
        seen: BaseException | None = error
        while seen is not None:
            if self._deaths.get(id(seen)) == user:
                return True
            if isinstance(seen, BaseExceptionGroup):
                return all(self._is_injected(e, user) for e in seen.exceptions)
            seen = seen.__cause__ or seen.__context__
        # a library raises an error of its own for a connection that it knows has ended
        return is_end(error) and any(
            w.dead is not None and self.history.episodes[w.episode].user == user for w in self.wires
        )

    def _is_refusal(self, error: BaseException, call: Call) -> bool:
        """Whether this is a contract's refusal: of a publish for a user without a connection, of a second connection
        of a user, of a user id that is not plain."""
        if isinstance(error, _MISTAKES) or (type(error) is RuntimeError and "changed" in str(error)):
            return False
        if call.kind == "connect":
            others = sum(self.device_users[device] == call.user for device in self.open)
            return others > 0 or not self.program.users[call.user].isalnum()
        if call.kind != "publish" or self.guarantees.unknown_user != "raise":
            return False
        return not any(
            e.user == call.user and e.connecting <= self.history.now and e.left > call.started and not e.refused
            for e in self.history.episodes
        )

    def _is_any_injected(self, error: BaseException) -> bool:
        return any(self._is_injected(error, user) for user in range(len(self.program.users)))

    async def do_connect(self, device: int, reuse: int = -1) -> None:
        if device in self.open or device in self.busy:
            return
        history = self.history
        user = self.device_users[device]
        if self.adapter.replaces and any(
            self.device_users[other] == user and (other in self.open or other in self.busy)
            for other in self.device_users
        ):
            return  # a disconnect that names no connection means one connection a user
        socket = self.last.get(reuse) if reuse >= 0 else None
        if socket is not None:
            wire = self.wires[socket._serial]
            busy = any(s is socket for _, s in self.open.values()) or wire.dead or wire.stalled or wire.excused
            if busy or socket._closed or history.episodes[wire.episode].left > history.now:
                socket = None
        number = len(history.episodes)
        if socket is None:
            socket = Socket(self, len(self.wires))
            self.wires.append(Wire(socket._serial, number, device in self.prompt))
        else:
            self.wires[socket._serial].episode = number
        if self.keep_sockets or device in self.reused:
            self.ever[device] = (number, socket)
        name = f"{self.program.users[user]}/{device}"
        episode = Episode(user, socket._serial, name, history.tick())
        history.episodes.append(episode)
        self.busy.add(device)
        call = Call("connect", user, 0, number)
        given = self._given(device, number, socket)
        await self._perform(call, self.connect, given)
        self.busy.discard(device)
        wire = self.wires[socket._serial]
        if call.status == ACCEPTED and call.value is not False:
            episode.connected = call.returned
            self._mark(0)
            self.open[device] = (number, socket)
            if call.value is not None:
                self._values[number] = call.value
            if self.adapter.reads:
                self._pumps[number] = self.loop.create_task(self._pump(wire, call.value))
            if self.keep_sockets or device in self.reused:
                self.last[device] = socket
        else:
            self._excuse(wire)
            episode.refused = True
            self._kill(wire, RuntimeError("the connection was refused"))

    keep_sockets = False

    def _given(self, device: int, number: int, socket: Socket) -> dict[str, Any]:
        user = self.device_users[device]
        sibling = sum(self.device_users[other] == user for other in range(device))
        return {"socket": socket, "id": f"connection-{number}", "chosen": f"tab-{sibling + 1}"}

    async def _pump(self, wire: Wire, source: Any) -> None:
        """Reads what a connect returned, and sends it on: what the handler of a socket does in production."""
        try:
            async for item in _items(source):
                await self.send(wire.serial, _bytes(item))
        except (asyncio.CancelledError, ConnectionError, RuntimeError):
            return

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
        pump = self._pumps.pop(number, None)
        if pump is not None:
            pump.cancel()
        given = self._given(device, number, socket)
        value = self._values.pop(number, None)
        if value is not None:
            if self.adapter.reads:
                given["socket"] = value
            elif not isinstance(value, bool | dict):
                given["id"] = value
        await self._perform(call, self.disconnect, given)
        self.busy.discard(device)
        if call.status == ACCEPTED:
            episode.left = call.returned
            self._mark(1)
        elif wire.dead is None:
            self.do_drop_socket(wire)
        self._hang_up(wire)

    def do_drop_socket(self, wire: Wire) -> None:
        if wire.dead is None:
            self._excuse(wire)
            self._kill(wire, ConnectionResetError("the peer has gone"))
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

    def _event(self, users: tuple[int, ...], run: int, type_: str) -> int:
        """A new content for `users`."""
        content = len(self.history.contents)
        token = canary.mint(self.key, canary.Canary(self.run_id, users[0], run, content))
        self.history.contents.append(Content(frozenset(users), run, type_, token))
        self._tokens[token] = content
        event: dict[str, Any] = {
            "type": type_,
            "run_id": f"run-{run}",
            "thread_id": f"thread-{run}",
            "payload": {"canary": token, "text": f"for {content}"},
        }
        if len(users) == 1:
            event["user_id"] = self.program.users[users[0]]
        self._snapshots.append(event)
        return content

    async def do_publish(
        self, user: int, run: int, type_: str, mutate: bool = False, probe: bool = False, content: int = -1
    ) -> None:
        """Publish for `user` a content of its own, or `content`."""
        if content < 0:
            content = self._event((user,), run, type_)
        self.history.contents[content].publishes += 1
        snapshot = self._snapshots[content]
        event = {**snapshot, "payload": {**snapshot["payload"]}}
        given: dict[str, Any] = {
            "event": event,
            "type": type_,
            "run_id": event["run_id"],
            "thread_id": event["thread_id"],
        }
        form = self.adapter.form
        if form != "dict":
            text = json.dumps(event)
            given["event"] = given["text"] = text if form == "text" else text.encode()
            given["bytes"] = text.encode()
        await self._perform(Call("publish", user, 0, content=content, probe=probe), self.publish, given)
        if mutate and self.guarantees.snapshot:
            event["type"] = "changed_by_the_publisher"
            event["payload"]["text"] = "changed by the publisher"

    def twins(self, users: tuple[int, ...]) -> list[Coroutine[Any, Any, None]]:
        """Publishes of one content for each of `users`."""
        content = self._event(users, 0, "partial_result")
        return [self.do_publish(user, 0, "partial_result", content=content) for user in users]

    def start(
        self, coroutine: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        """A call into the broadcaster, as a task of its own."""
        task = self.loop.create_task(coroutine, context=context)
        self.own.append(task)
        return task

    def context_of(self, device: int, fresh: bool = False) -> contextvars.Context:
        """The context that the calls of a device's connection share."""
        if fresh or device not in self._contexts:
            self._contexts[device] = contextvars.copy_context()
        return self._contexts[device]

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """The caller gives up: the call that `task` makes is cancelled at the await where it stands."""
        for identity, (other, call) in list(self.pending.items()):
            if other is task:
                self.cancelling.add(identity)
                self._mark(3)
                self.history.note(f"the {call.kind} is cancelled by its caller")
        task.cancel()

    @unwatched()
    def do_collect(self) -> None:
        gc.collect()

    @unwatched()
    def do_census(self) -> None:
        gc.collect()
        episodes = self.history.episodes
        departed = sum(episode.left <= self.history.now for episode in episodes)
        events = len(self.history.contents)
        objects, size = reachable((self.broadcaster, *self.hoard), self)
        timers = sum(not entry[2]._cancelled for entry in self.loop._scheduled)
        self.loop.tasks = [task for task in self.loop.tasks if not task.done()]
        self.history.census.append(Count(departed, events, objects + timers + len(self.loop.tasks), size))

    def _cut_short(self) -> None:
        """A wait during which a timer fires over and over ends early: nothing new comes of more of the same."""
        for entry in [entry for entry in self.waits if self.loop.jumps - entry[0] > PATIENCE]:
            self.waits.remove(entry)
            _, timer, track = entry
            if not timer.cancelled() and timer.when() > self.loop.now:
                timer.cancel()
                self.history.note("a long wait is cut short: timers fire over and over")
                track._advance()

    def _jumped(self, when: float) -> None:
        if self.waits:
            self._cut_short()
        self._mark(2)
        slow = self.guarantees.frame_seconds
        for gate in self.loop.gates:
            if 0 <= gate.lane < ARRIVAL and when - gate.opened > slow:
                self._excuse(self.wires[gate.lane])
        for wire in self.wires:
            if wire.held:
                self._excuse(wire)
        self.history.note(f"time moves on by {when - self.loop.now:g} s")

    # -- phases ----------------------------------------------------------------------------------------------

    def make(
        self, factory: Callable[[], Any], adapter: Adapter, sabotage: Callable[[World], None] | None = None
    ) -> None:
        """Make a fresh broadcaster on the loop, and find its three methods."""

        async def make() -> None:
            broadcaster = factory()
            if hasattr(type(broadcaster), "__await__"):
                broadcaster = await broadcaster
            self.broadcaster = broadcaster
            self.connect, self.disconnect, self.publish = adapter.bind(broadcaster)
            if sabotage is not None:
                sabotage(self)

        self.adapter = adapter
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
            for user in sorted(history.unstalled):
                self._probe(user)
            loop.settle(SETTLE)
            history.blocked_calls = tuple(
                i for i, c in enumerate(history.calls) if c.status == PENDING and c.user in history.unstalled
            )
            history.stalled_quiet = history.tick()
            self.heal()
            history.note("healed")
            loop.settle(SETTLE + longest)
        self.phase = "probing everybody"
        for user in range(len(self.program.users)):
            self._probe(user)
        loop.settle(SETTLE)
        history.final_quiet = history.tick()
        self.phase = "disconnecting everybody"
        for device in sorted(self.open):
            self.start(self.do_disconnect(device), self.context_of(device))
        loop.settle(SETTLE)
        loop.settle(SETTLE)  # afresh: the first may have been spent before the disconnects returned
        if any(not task.done() for task in loop.tasks):
            loop.settle(3_600.0)  # a task that sleeps and then ends is no leak
        history.complete = True
        for task, call in self.pending.values():
            call.where = _waiting_at(task) if task is not None else ""
        mine = {*self.own, *self._pumps.values()}
        history.leftover_tasks = tuple(
            getattr(task.get_coro(), "__qualname__", "?") for task in loop.tasks if not task.done() and task not in mine
        )
        if loop.stopped_from_within:
            history.crashes.append("the broadcaster called loop.stop(), which ends every connection of the process")
        for task in self.own:
            failure = task.exception() if task.done() and not task.cancelled() else None
            if isinstance(failure, ThreadBlocked | NeverQuiet):
                history.crashes.append(f"while {self.phase} the broadcaster {failure}")
            elif failure is not None:
                raise RuntimeError(f"the harness failed: {failure!r}") from failure

    def _probe(self, user: int) -> asyncio.Task[Any]:
        return self.start(self.do_publish(user, 0, "probe", probe=True))


class Track:
    """Steps one after another: each arrives through a gate, and the next one when the call it made has returned."""

    __slots__ = ("index", "number", "running", "steps", "tracks", "world")

    def __init__(self, world: World, tracks: list[Track], steps: tuple[AnyStep, ...]) -> None:
        self.world = world
        self.tracks = tracks
        self.number = len(tracks)
        self.steps = steps
        self.index = 0
        self.running: list[asyncio.Task[None]] = []
        tracks.append(self)
        world.tracks_left += 1
        self._advance()

    def _advance(self) -> None:
        if self.index >= len(self.steps):
            self.world.tracks_left -= 1
            if not self.world.tracks_left:
                self.world.loop.horizon = min(self.world.loop.horizon, self.world.loop.now + SETTLE)
        if self.index < len(self.steps) and not self.world.closing:
            self.world.loop.open(Gate(ARRIVAL + self.number, "arrival", self._arrive))

    def _returned(self, task: asyncio.Task[None]) -> None:
        self.running.remove(task)
        if not self.running:
            self._advance()

    def _begin(self, *coroutines: Coroutine[Any, Any, None], context: contextvars.Context | None = None) -> None:
        for coroutine in coroutines:
            self.running.append(self.world.start(coroutine, context))
        for task in self.running:
            task.add_done_callback(self._returned)
        if not coroutines:
            self._advance()

    def _arrive(self) -> None:
        world = self.world
        step = self.steps[self.index]
        self.index += 1
        match step:
            case Publish(user, run, type_, mutate):
                self._begin(world.do_publish(user, run, type_, mutate))
            case Connect(device, reuse):
                self._begin(world.do_connect(device, reuse), context=world.context_of(device, fresh=True))
            case Disconnect(device, gone):
                self._begin(world.do_disconnect(device, gone), context=world.context_of(device))
            case Burst(users):
                self._begin(*(world.do_publish(user, 0, "partial_result") for user in users))
            case Twin(first, second):
                self._begin(*world.twins(tuple(dict.fromkeys((first, second)))))
            case Wait(seconds):
                world.waits.append((world.loop.jumps, world.loop.call_later(seconds, self._advance), self))
            case _:
                self._at_once(step)
                self._advance()

    def _at_once(self, step: AnyStep) -> None:
        world = self.world
        match step:
            case Stall(device):
                world.do_stall(device)
            case Drop(device):
                if device in world.open:
                    world.do_drop_socket(world.wires[world.open[device][1]._serial])
            case Cancel(track):
                if track < len(self.tracks) and self.tracks[track].running:
                    world.cancel(self.tracks[track].running[0])
            case Collect():
                world.do_collect()
            case Census():
                world.do_census()


FLOOD = 100_000
PATIENCE = 300
"""Moves of the clock that one wait goes on for."""


def _sample(payload: bytes) -> str:
    return payload[:400].decode("utf-8", "replace")


def _decoded(payload: bytes) -> Any:
    found, value = _from_json(payload)
    return value if found else _from_json(_from_bracket(payload))[1]  # some protocols put a few bytes before it


def _from_json(text: bytes) -> tuple[bool, Any]:
    try:
        return True, msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        with contextlib.suppress(ValueError, RecursionError):
            return True, json.loads(text)
    return False, None


def _from_bracket(payload: bytes) -> bytes:
    starts = [at for at in (payload.find(b"{"), payload.find(b"[")) if at >= 0]
    return payload[min(starts) :].strip(b"\x00\r\n ") if starts else b""


def _find_event(value: Any, tokens: dict[str, int]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The outermost object that has a canary of ours as its own field, and the objects it lies in, innermost first.

    Breadth first, so that an event quoted inside another is not taken for it; strings of JSON are read too.
    """
    level: list[tuple[Any, list[dict[str, Any]]]] = [(value, [])]
    for _ in range(8):
        deeper: list[tuple[Any, list[dict[str, Any]]]] = []
        for item, path in level:
            if isinstance(item, dict):
                found = item.get("canary")
                if isinstance(found, str) and found.lower() in tokens:
                    return item, path
                below = [item, *path]
                deeper.extend((inner, below) for inner in item.values() if isinstance(inner, dict | list | str))
            elif isinstance(item, list):
                deeper.extend((inner, path) for inner in item if isinstance(inner, dict | list | str))
            elif isinstance(item, str) and "ctk_" in item and item[:1] in "{[":
                deeper.append((_decoded(item.encode("utf-8", "surrogatepass")), path))
        level = deeper
        if not level:
            break
    return None, []


def _whole(value: Any, tokens: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The whole events of ours inside `value`, in the order of the text."""
    if isinstance(value, dict):
        payload = value.get("payload")
        found = payload.get("canary") if isinstance(payload, dict) else None
        if isinstance(found, str) and found.lower() in tokens:
            yield value
        else:
            for item in value.values():
                yield from _whole(item, tokens)
    elif isinstance(value, list):
        for item in value:
            yield from _whole(item, tokens)


async def _items(source: Any) -> AsyncIterator[Any]:
    """What a queue, an async iterator or an async context manager around one gives."""
    if hasattr(source, "__aenter__") and not hasattr(source, "__aiter__") and not hasattr(source, "get"):
        async with source as inner:
            async for item in _items(inner):
                yield item
        return
    if hasattr(source, "__aiter__"):
        async for item in source:
            yield item
        return
    take = getattr(source, "get", None) or getattr(source, "receive", None) or getattr(source, "recv", None)
    while take is not None:
        item = take()
        if hasattr(type(item), "__await__"):
            item = await item
        yield item
        done = getattr(source, "task_done", None)
        if callable(done):
            with contextlib.suppress(ValueError):
                done()


def _bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass")
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    try:
        return msgspec.json.encode(item)
    except TypeError:
        return repr(item).encode("utf-8", "surrogatepass")


def _where(error: BaseException) -> str:
    """The last line of the traceback that is not the harness's."""
    trace = error.__traceback__
    name = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not name or not code.co_filename.startswith(_OURS):
            name = f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return name


def _waiting_at(task: asyncio.Task[Any]) -> str:
    """Where the broadcaster's code that `task` runs waits: the innermost line that is not the harness's."""
    coroutine: Any = task.get_coro()
    place = ""
    for _ in range(60):
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        code = frame.f_code if frame is not None else None
        if frame is not None and code is not None and not code.co_filename.startswith(_OURS):
            place = f"{code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno} in {code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
        if coroutine is None:
            break
    return place
