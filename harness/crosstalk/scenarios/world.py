"""One run's outside world: sockets, calls into the broadcaster, and what is recorded of them.

Each call into the broadcaster is a task of its own in a context of its own, as each request is in production; the
calls of one connection (connect and disconnect) share theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import json
import weakref
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any

from crosstalk.model.canary import Canary, mint
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
    History,
)
from crosstalk.scenarios.frames import Frames, unpacked
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.places import raised_at, waiting_at
from crosstalk.scenarios.program import Connect, Program
from crosstalk.scenarios.reachable import reachable
from crosstalk.scenarios.socket import Socket
from crosstalk.scenarios.track import ARRIVAL, SETTLE, Track
from crosstalk.scenarios.wire import TO_PEER, Answer, AnyAnswer, Sending, Wire
from crosstalk.schedule.loop import UNSEEN, NeverQuiet, Strategy, VirtualLoop
from crosstalk.schedule.watchdog import ThreadBlocked, unwatched
from crosstalk.targets.in_process import Adapter
from crosstalk.targets.library_types import is_end
from crosstalk.targets.sources import as_bytes, items

# Errors of code, never of a contract: raised to whom published for an absent user they are no refusal.
_MISTAKES = (LookupError, TypeError, AttributeError, NameError, AssertionError, RecursionError, UnboundLocalError)


_new_sending = Sending.__new__
_Future = asyncio.Future


@lru_cache(1 << 14)
def _marked(key: bytes, run_id: int, users: tuple[int, ...], run: int, content: int) -> tuple[str, str, str, str]:
    """Canary, text, run id and thread id of an event. Kept for a while: run after run makes the same."""
    return mint(key, Canary(run_id, users[0], run, content)), f"for {content}", f"run-{run}", f"thread-{run}"


CONNECTION, DISCONNECTION, CANCELLATION, JUMP = 1, 1 << 20, 1 << 40, 1 << 60
"""What `World.marks` grows by with each: one number that counts all four."""


@lru_cache(1 << 10)
def _passed(marks: int) -> tuple[int, ...]:
    """How many connections, disconnections, cancellations and jumps lie between two marks; few are told apart."""
    counts = marks % DISCONNECTION, (marks >> 20) % DISCONNECTION, (marks >> 40) % DISCONNECTION, marks >> 60
    return tuple(map(min, counts, (3, 3, 1, 2)))


def _nothing() -> None:
    """Nobody wants to be told."""


def _changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What was done to an event: fields added, taken away, and altered."""
    kept = before.keys() & after.keys()
    fields = [f"+{name}" for name in after if name not in kept] + [f"-{name}" for name in before if name not in kept]
    return ", ".join((*fields, *(name for name in before if name in kept and before[name] != after[name])))


async def _started(made: Any, start: str) -> Any:
    """The broadcaster that a factory has made or will make, started by its method `start`, if it has one."""
    broadcaster = await made if hasattr(type(made), "__await__") else made
    if start:
        started = getattr(broadcaster, start)()
        if hasattr(type(started), "__await__"):
            await started
    return broadcaster


def _over(user: str, given: dict[str, Any]) -> None:
    raise RuntimeError("the run is over")


class World:
    """`connect`, `disconnect` and `publish` are the broadcaster's, called with (user id, what can be given)."""

    # an object of more than thirty attributes is slow without slots; controls replace methods in the dict
    __slots__ = (
        "__dict__",
        "_contexts",
        "_deaths",
        "_first_steps",
        "_pumps",
        "_tamper",
        "_values",
        "adapter",
        "behind",
        "blanks",
        "broadcaster",
        "busy",
        "came",
        "cancelling",
        "cells",
        "closing",
        "connect",
        "device_users",
        "disconnect",
        "ever",
        "frames",
        "guarantees",
        "history",
        "hoard",
        "key",
        "known",
        "last",
        "loop",
        "marks",
        "moments",
        "of_event",
        "open",
        "over",
        "own",
        "phase",
        "program",
        "prompt",
        "publish",
        "reused",
        "run_id",
        "settling",
        "tracks_left",
        "waits",
        "wires",
    )

    def __init__(
        self,
        program: Program,
        strategy: Strategy,
        key: bytes,
        run_id: int,
        guarantees: Guarantees | None = None,
        settling: float = SETTLE,
    ) -> None:
        self.program = program
        self.settling = settling
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
        self.moments = 0
        self.came: set[int] = set()  # who has connected, where nobody comes back
        self.ever: dict[int, tuple[int, Socket]] = {}
        self.busy: set[int] = set()
        # the broadcaster's own task that a call waits for, where the call is the harness's
        self.behind: dict[asyncio.Task[Any], asyncio.Task[Any]] = {}
        self.cancelling: set[asyncio.Task[Any]] = set()
        # the harness's own tasks, in their order, until they come to their end; and the call that each is in
        self.own: dict[asyncio.Task[Any], Call | None] = {}
        self._first_steps: tuple[int, int, tuple[weakref.ref[asyncio.Task[Any]], ...]] = (-1, 0, ())
        self.may_stall = True
        self.over = False
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
        self.marks = 0
        self.cells: set[tuple[object, ...]] = set()
        self.frames = Frames(self.history)
        self.known: Known | None = None  # what users are told, where the broadcaster makes the events itself
        # made beforehand: what is kept of an event must not take the address that one before has just given back
        most = program.steps + 2 * len(program.users)
        self.blanks: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {}) for _ in range(most)]
        self.of_event: Callable[[Any], int] = self.frames.of_event
        self._tamper: Callable[[World, int, bytes], list[tuple[int, bytes]]] | None = None
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
            if wire.dead is not None and kind in TO_PEER:
                raise wire.dead
            return
        marks, episode = self.marks, wire.episode
        gate = self._wait(Answer(wire, kind, asyncio.Future(loop=self.loop)))
        try:
            await gate.future
        except asyncio.CancelledError:
            self._give_up(gate)
            raise
        if self.marks != marks:
            self.reached(kind, marks, episode, wire.episode != episode)

    def _wait(self, gate: AnyAnswer) -> AnyAnswer:
        """Let the schedule answer `gate`; not before its wire is released, where that is held."""
        wire = gate.wire
        if (wire.stalled or wire.held_by_hand) and wire.dead is None:
            wire.held.append(gate)
        else:
            self.loop.open(gate)
        return gate

    def _give_up(self, gate: Answer) -> None:
        self.loop.withdraw(gate)
        if gate in gate.wire.held:
            gate.wire.held.remove(gate)

    def reached(self, kind: str, before: int, episode: int, taken: bool) -> None:
        """Note what came and went while something of `kind` was waiting: see schedule/strategies/feedback.py."""
        gone = episode >= 0 and self.history.episodes[episode].leaving != NEVER
        self.cells.add((kind, _passed(self.marks - before), gone, taken, len(self.open)))

    @property
    def tamper(self) -> Callable[[World, int, bytes], list[tuple[int, bytes]]] | None:
        """Given the world, a socket and what is sent on it: which sends are recorded in its place."""
        return self._tamper

    @tamper.setter
    def tamper(self, tamper: Callable[[World, int, bytes], list[tuple[int, bytes]]] | None) -> None:
        self._tamper = tamper
        self.of_event = self.frames.of_event if tamper is None else lambda data: -1  # it sees bytes

    # -- sends -----------------------------------------------------------------------------------------------

    async def send(self, serial: int, payload: bytes) -> None:
        sending = self.begin(self.wires[serial], payload)
        if sending is not None:
            await sending

    def begin(self, wire: Wire, payload: bytes) -> Sending | None:
        """Record that a send of `payload` starts; what is then to be awaited, None where it has succeeded at once.

        Raises what killed the wire.
        """
        if self._tamper is None or self.closing:
            return self.begin_frame(wire, self.frames.of(payload))
        sends = self._tamper(self, wire.serial, unpacked(payload))
        if sends and sends[0][0] == wire.serial:
            sending = self.begin_frame(wire, self.frames.of(sends[0][1]))
            for other, changed in sends[1:]:
                self.record(other, changed, ACCEPTED)
            return sending
        for other, changed in sends:
            self.record(other, changed, ACCEPTED)
        return None

    def begin_frame(self, wire: Wire, frame: int) -> Sending | None:
        """As `begin`, of the frame of that number, untampered."""
        if self.closing:
            raise ConnectionResetError("the run is over")
        history = self.history
        starts = history.send_start
        row = len(starts)
        if row >= FLOOD:
            raise NeverQuiet(f"more than {FLOOD:,} frames were sent in one run")
        history.now = now = history.now + 1
        history.send_episode.append(wire.episode)
        history.send_frame.append(frame)
        starts.append(now)
        if wire.left >= 0 and self._moment() - wire.left <= UNDER_WAY and self._was_scheduled(wire):
            history.under_way.add(row)
        waits = wire.stalled or wire.held_by_hand
        if wire.dead is None and (waits or not wire.prompt):
            history.send_status.append(PENDING)
            history.send_end.append(0)
            loop = self.loop
            # made in place: a call of its own would take as long as the rest
            sending = _new_sending(Sending)
            sending.lane = wire.serial
            sending.wire = wire
            sending.future = _Future(loop=loop)
            sending.opened = loop.now
            sending.priority = UNSEEN
            sending.world = self
            sending.row = row
            sending.marks = self.marks
            (wire.held if waits else loop.gates).append(sending)
            return sending
        history.now = now = now + 1
        history.send_end.append(now)
        if wire.dead is None:
            history.send_status.append(ACCEPTED)
            return None
        history.send_status.append(FAILED)
        self._excuse(wire)
        raise wire.dead

    def failed(self, sending: Sending, status: int) -> None:
        """Record that a send that was waiting FAILED, or was CANCELLED: whether its bytes left, nobody knows."""
        if status == CANCELLED:
            self._give_up(sending)
        else:
            self._excuse(sending.wire)
        history = self.history
        history.send_status[sending.row] = status
        history.now = history.send_end[sending.row] = history.now + 1

    def record(self, serial: int, payload: bytes, status: int) -> None:
        """Record a send that was none of the broadcaster's."""
        history = self.history
        history.send_episode.append(self.wires[serial].episode)
        history.send_frame.append(self.frames.of(payload))
        history.send_start.append(history.tick())
        history.send_end.append(history.now if status else 0)
        history.send_status.append(status)

    # -- calls -----------------------------------------------------------------------------------------------

    async def _perform(self, call: Call, function: Callable[[str, Any], Any], given: dict[str, Any]) -> None:
        history = self.history
        task = asyncio.current_task(self.loop)
        assert task is not None
        self.own[task] = call
        marks = self.marks
        history.now = call.started = history.now + 1
        history.calls.append(call)
        try:
            value = function(history.users[call.user], given)
            if hasattr(type(value), "__await__"):
                value = await value
            call.value = value
            call.status = ACCEPTED
        except asyncio.CancelledError:
            if not self.closing:
                call.status = CANCELLED
                call.error = "CancelledError"
                call.excused = task in self.cancelling
        except ThreadBlocked as error:
            history.crashes.append(f"{call.kind} of {self.program.users[call.user]!r} {error}")
            self.loop.limit = 0  # the rest of this run would only block again
        except NeverQuiet:
            raise
        except (SystemExit, GeneratorExit) as error:
            call.status = FAILED
            call.error = f"{type(error).__name__}: {error}"
            call.where = raised_at(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            call.status = FAILED
            call.error = f"{type(error).__name__}: {error}"
            call.where = raised_at(error)
            call.excused = self._is_injected(error, call.user) or self._is_refusal(error, call)
            if call.kind == "connect" and call.excused:
                history.episodes[call.episode].refused = True
        finally:
            if not self.closing:
                history.now = call.returned = history.now + 1
                if self.marks != marks:
                    self.reached(call.kind, marks, call.episode, False)
        self.own.pop(task, None)

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
        of a user, of one more where many are open, of a user id that is not plain."""
        if isinstance(error, _MISTAKES) or (type(error) is RuntimeError and "changed" in str(error)):
            return False
        if call.kind == "connect":
            others = sum(self.device_users[device] == call.user for device in self.open)
            return others > 0 or len(self.open) >= CROWD or not self.program.users[call.user].isalnum()
        if call.kind != "publish" or self.guarantees.unknown_user != "raise":
            return False
        return not any(
            e.user == call.user and e.connecting <= self.history.now and e.left > call.started and not e.refused
            for e in self.history.episodes
        )

    def _is_any_injected(self, error: BaseException) -> bool:
        return any(self._is_injected(error, user) for user in range(len(self.program.users)))

    async def do_connect(self, device: int, reuse: int = -1, then: Callable[[], None] = _nothing) -> None:
        """Connect the device's user; `then` is called when that is over."""
        try:
            await self._connect(device, reuse)
        finally:
            then()

    async def _connect(self, device: int, reuse: int) -> None:
        before = self.last.get(reuse)
        while before is not None and 0 <= self._moment() - before._wire.left <= UNDER_WAY:
            await asyncio.sleep(0)  # a client can't log in before it knows that it is logged out
        if device in self.open or device in self.busy:
            return
        history = self.history
        user = self.device_users[device]
        if self.adapter.replaces and any(
            self.device_users[other] == user and (other in self.open or other in self.busy)
            for other in self.device_users
        ):
            return  # a disconnect that names no connection means one connection a user
        if self.adapter.once:
            if user in self.came:
                return
            self.came.add(user)
        socket = self.last.get(reuse) if reuse >= 0 else None
        if socket is not None:
            wire = socket._wire
            busy = any(s is socket for _, s in self.open.values()) or wire.dead or wire.stalled
            accepted = socket._greeted >= 0  # which no connection is twice
            if busy or accepted or socket._closed or history.episodes[wire.episode].left > history.now:
                socket = None
        number = len(history.episodes)
        if socket is None:
            wire = Wire(len(self.wires), number, device in self.prompt)
            socket = Socket(self, wire)
            self.wires.append(wire)
        else:
            wire = socket._wire
            wire.episode = number
            wire.left = -1
        if self.keep_sockets or device in self.reused:
            self.ever[device] = (number, socket)
        name = f"{self.program.users[user]}/{device}"
        episode = Episode(user, socket._serial, name, history.tick())
        if socket._wire.excused:  # it was slow for somebody before, and may be so again
            episode.excused = episode.connecting
        history.episodes.append(episode)
        self.busy.add(device)
        call = Call("connect", user, 0, number)
        given = self._given(device, number, socket)
        if self.adapter.numbers:
            self.pass_a_moment()
        await self._perform(call, self.connect, given)
        self.busy.discard(device)
        if call.status == ACCEPTED and not (call.value is False and self.adapter.refuses):
            episode.connected = call.returned
            self.marks += CONNECTION
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
        given = {"socket": socket, "id": f"connection-{number}"}
        if self.adapter.chosen:
            user = self.device_users[device]
            sibling = sum(self.device_users[other] == user for other in range(device))
            given["chosen"] = f"tab-{sibling + 1}"
        return given

    async def _pump(self, wire: Wire, source: Any) -> None:
        """Reads what a connect returned, and sends it on: what the handler of a socket does in production."""
        try:
            async for item in items(source):
                await self.send(wire.serial, as_bytes(item))
        except (asyncio.CancelledError, ConnectionError, RuntimeError):
            return

    async def do_disconnect(self, device: int, gone: bool = False, then: Callable[[], None] = _nothing) -> None:
        """Disconnect the device; `then` is called when that is over."""
        try:
            await self._disconnect(device, gone)
        finally:
            then()

    async def _disconnect(self, device: int, gone: bool) -> None:
        if device not in self.open or device in self.busy:
            return
        number, socket = self.open.pop(device)
        wire = socket._wire
        if gone:
            self.do_drop_socket(wire)
        episode = self.history.episodes[number]
        episode.leaving = self.history.tick()
        self.busy.add(device)
        call = Call("disconnect", episode.user, 0, number)
        pump = self._pumps.pop(number, None)
        if pump is not None:
            # as in production, where the handler has left its loop when it disconnects
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({pump})
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
            wire.left = self._moment()
            wire.tasks, wire.scheduled = self._not_begun()
            self.marks += DISCONNECTION
        elif wire.dead is None:
            self.do_drop_socket(wire)
        self._hang_up(wire)

    def pass_a_moment(self) -> None:
        """Some microseconds by the clock on the wall: no two ids made of the time are the same in production."""
        if self.loop.on_time is not None:
            self.moments += 1
            self.loop.on_time(self.loop.now + self.moments * 2e-6)

    def _moment(self) -> int:
        """Grows by one with each iteration of the loop, and by much with each move of the clock."""
        return self.loop.jumps * 1_000_000 + self.loop.iterations

    def _not_begun(self) -> tuple[int, tuple[weakref.ref[asyncio.Task[Any]], ...]]:
        """How many tasks there were, and which of them waited for their first step.

        Looked for once in an iteration, since many may leave in one: a task made later in it begins in the next.
        """
        moment = self._moment()
        if self._first_steps[0] != moment:
            tasks = (getattr(handle._callback, "__self__", None) for handle in tuple(self.loop._ready))
            waiting = tuple(
                weakref.ref(task)
                for task in tasks
                if isinstance(task, asyncio.Task)
                and inspect.iscoroutine(coroutine := task.get_coro())
                and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
            )
            self._first_steps = (moment, len(self.loop._weak_tasks), waiting)
        return self._first_steps[1:]

    def _was_scheduled(self, wire: Wire) -> bool:
        """Whether the task that is running had not begun, or was not there yet, when the wire's user left."""
        task = asyncio.current_task(self.loop)
        if task is None or task in self.own:
            return False
        reference = weakref.ref(task)
        return reference in wire.scheduled or reference in self.loop._weak_tasks[wire.tasks :]

    def do_drop_socket(self, wire: Wire) -> None:
        if wire.dead is None:
            self._excuse(wire)
            self._kill(wire, ConnectionResetError("the peer has gone"))
            self.history.note(f"the peer of socket {wire.serial} is gone")
            self._unblock(wire)
            self._hang_up(wire)

    def do_stall(self, device: int) -> None:
        if device in self.open and self.may_stall:
            wire = self.wires[self.open[device][1]._serial]
            if wire.dead is None and not wire.stalled:
                self._excuse(wire)
                wire.stalled = True
                self.history.note(f"socket {wire.serial} stalls: its sends do not complete")
                for gate in [g for g in self.loop.gates if g.lane == wire.serial]:
                    self.loop.withdraw(gate)
                    wire.held.append(gate)

    def heal(self) -> None:
        for wire in self.wires:
            if wire.stalled:
                wire.stalled = False
                self._unblock(wire)

    def _event(self, users: tuple[int, ...], run: int, type_: str) -> int:
        """A new content for `users`."""
        contents = self.history.contents
        content = len(contents)
        token, text, run_id, thread_id = _marked(self.key, self.run_id, users, run, content)
        if self.known is not None:
            run_id, thread_id = self._told(self.known, token, users[0], content)
        contents.append(Content(frozenset(users), run, type_, token))
        event, payload = self.blanks.pop() if self.blanks else ({}, {})
        payload["canary"] = token
        payload["text"] = text
        event["type"] = type_
        event["run_id"] = run_id
        event["thread_id"] = thread_id
        event["payload"] = payload
        if len(users) == 1:
            event["user_id"] = self.program.users[users[0]]
        self.frames.published(token, event)
        return content

    def _told(self, known: Known, token: str, user: int, content: int) -> tuple[str, str]:
        """Ids of a run and a thread that nobody but the user is told."""
        run_id = known.run_id(token, user, self.run_id, content)
        self.frames.runs[run_id] = content
        return run_id, known.thread_id(user, 0)

    async def do_publish(
        self,
        user: int,
        run: int,
        type_: str,
        mutate: bool = False,
        probe: bool = False,
        content: int = -1,
        then: Callable[[], None] = _nothing,
    ) -> None:
        """Publish for `user` a content of its own, or `content`; `then` is called when that is over."""
        try:
            if content < 0:
                content = self._event((user,), run, type_)
            self.history.contents[content].publishes += 1
            published = self.frames.events[content]
            event = published.copy()
            payload = event["payload"] = published["payload"].copy()
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
            call = Call("publish", user, 0, content=content, probe=probe)
            await self._perform(call, self.publish, given)
            if self.guarantees.snapshot:
                if event != published:
                    call.changed = _changes(published, event)
                if mutate:
                    event["type"] = "changed_by_the_publisher"
                    payload["text"] = "changed by the publisher"
        finally:
            then()

    def twins(self, users: tuple[int, ...], then: Callable[[], None] = _nothing) -> list[Coroutine[Any, Any, None]]:
        """Publishes of one content for each of `users`; of one each, where it starts a run that is its user's own."""
        if self.known is not None:
            return [self.do_publish(user, 0, "partial_result", then=then) for user in users]
        content = self._event(users, 0, "partial_result")
        return [self.do_publish(user, 0, "partial_result", content=content, then=then) for user in users]

    def start(
        self, coroutine: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        """A call into the broadcaster, as a task of its own."""
        loop = self.loop
        if loop._task_factory is None:
            task = asyncio.Task(coroutine, loop=loop, context=context)
        else:
            task = loop.create_task(coroutine, context=context)
        self.own.setdefault(task, None)  # an eager one is in its call by now
        return task

    def context_of(self, device: int, fresh: bool = False) -> contextvars.Context:
        """The context that the calls of a device's connection share."""
        if fresh or device not in self._contexts:
            self._contexts[device] = contextvars.copy_context()
        return self._contexts[device]

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """The caller gives up: the call that `task` makes is cancelled at the await where it stands."""
        call = self.own.get(task)
        if call is not None:
            self.cancelling.add(task)
            self.marks += CANCELLATION
            self.history.note(f"the {call.kind} is cancelled by its caller")
        task.cancel()

    def cancel_at_await(self, task: asyncio.Task[Any]) -> None:
        """As `cancel`, as soon as the broadcaster awaits something in the call."""
        if self.own.get(task) is not None:
            self.cancel(task)
        elif not task.done():
            self.loop.call_soon(self.cancel_at_await, task)

    @unwatched()
    def do_collect(self) -> None:
        gc.collect()

    @unwatched()
    def do_census(self) -> None:
        gc.collect()
        episodes = self.history.episodes
        departed = sum(episode.leaving <= self.history.now for episode in episodes)
        events = len(self.history.contents)
        objects, size = reachable((self.broadcaster, *self.hoard), self)
        timers = sum(not entry[2]._cancelled for entry in self.loop._scheduled)
        own = [task for task in self.own if not task.done()]
        tasks = len(own) + len(self.loop.unfinished)
        self.history.census.append(Count(departed, events, objects + timers + tasks, size))

    def forget_departed(self) -> None:
        """Let go of what only the harness holds of connections that have ended: calls that are over, their contexts,
        tasks that failed, and the frames in which errors were raised."""
        errors = [*(wire.dead for wire in self.wires), *(context.get("exception") for context in self.loop.unhandled)]
        for error in errors:
            while error is not None and error.__traceback__ is not None:
                error.__traceback__, error = None, error.__cause__ or error.__context__
        self.loop.unhandled[:] = [{"exception": context.get("exception")} for context in self.loop.unhandled]
        for device in self._contexts.keys() - self.open.keys() - self.busy:
            del self._contexts[device]
        for task in [task for task in self.own if task.done() and not task.cancelled() and not task.exception()]:
            del self.own[task]

    def _cut_short(self) -> None:
        """A wait during which a timer fires over and over ends early: nothing new comes of more of the same."""
        for entry in [entry for entry in self.waits if self.loop.jumps - entry[0] > PATIENCE]:
            self.waits.remove(entry)
            _, timer, track = entry
            if not timer.cancelled() and timer.when() > self.loop.now:
                timer.cancel()
                self.history.note("a long wait is cut short: timers fire over and over")
                track.advance()

    def _jumped(self, when: float) -> None:
        if self.waits:
            self._cut_short()
        self.marks += JUMP
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
        self.adapter = adapter
        self.frames.read = adapter.read
        self.known = Known(self.key, self.program.users) if adapter.answers else None
        self.phase = "starting"
        made = contextvars.copy_context().run(factory)
        if adapter.start or hasattr(type(made), "__await__"):
            starting = self.loop.create_task(_started(made, adapter.start))
            self.own[starting] = None
            self.loop.settle(SETTLE)
            if not starting.done():
                raise NeverQuiet("the factory never returned")
            made = starting.result()
        self.broadcaster = made
        self.connect, self.disconnect, self.publish = adapter.bind(made)
        if sabotage is not None:
            sabotage(self)
        self.loop.settle(SETTLE)

    def finish(self, longest: float = 0.0) -> None:
        """Quiet with stalls held, probe the others, heal, probe everybody, disconnect all, quiet."""
        loop, history = self.loop, self.history
        self.may_stall = False  # steps may still come, of a program that was cut short
        history.note("quiet, stalls held")
        # whoever had the socket before may be waiting for it too
        stalled = {e.user for e in history.episodes if self.wires[e.socket].stalled}
        history.unstalled = frozenset(range(len(self.program.users))) - stalled
        if stalled:
            self.phase = PROBING_OTHERS
            for user in sorted(history.unstalled):
                self._probe(user)
            loop.settle(self.settling)
            history.blocked_calls = tuple(
                i for i, c in enumerate(history.calls) if c.status == PENDING and c.user in history.unstalled
            )
            self._note_waits()
            history.stalled_quiet = history.tick()
            self.heal()
            history.note("healed")
            loop.settle(self.settling + longest)
        self._come_to_rest()
        self.phase = "probing everybody"
        for user in range(len(self.program.users)):
            self._probe(user)
        loop.settle(self.settling)
        history.final_quiet = history.tick()
        self.phase = "disconnecting everybody"
        self.over = True
        for device in sorted(self.open):
            self.start(self.do_disconnect(device), self.context_of(device))
        loop.settle(SETTLE)
        loop.settle(SETTLE)  # afresh: the first may have been spent before the disconnects returned
        if loop.unfinished or not all(task.done() for task in self.own):
            loop.settle(3_600.0)  # a task that sleeps and then ends is no leak
        history.complete = True
        self._note_waits()
        left = loop.unfinished
        if left:
            mine = {*self.own, *self._pumps.values()}
            names = (getattr(task.get_coro(), "__qualname__", "?") for task in left if task not in mine)
            history.leftover_tasks = tuple(names)
        if loop.stopped_from_within:
            history.crashes.append("the broadcaster called loop.stop(), which ends every connection of the process")
        for task in self.own:
            failure = task.exception() if task.done() and not task.cancelled() else None
            if isinstance(failure, ThreadBlocked | NeverQuiet):
                history.crashes.append(f"while {self.phase} the broadcaster {failure}")
            elif failure is not None:
                raise RuntimeError(f"the harness failed: {failure!r}") from failure

    def _note_waits(self) -> None:
        """Of every call that has not returned, where it waits."""
        for task, call in self.own.items():
            if call is not None and not task.done():
                call.where = waiting_at(self.behind.get(task, task))

    def _come_to_rest(self) -> None:
        """What still comes by itself, by a timer or at a broadcaster's own pace, comes before anybody is probed."""
        loop, history = self.loop, self.history
        steps = history.guarantees.grammar.alphabet
        for _ in range(PACED):
            before = len(history.send_frame)
            loop.settle(self.settling)
            came = [history.frames[number] for number in history.send_frame[before:]]
            if not any(frame.carried or (self.known and frame.type in steps) for frame in came):
                break
        history.rest = history.tick()

    def part(self) -> None:
        """Let go of everything but the history, the loop's record and the cells: nothing is left in a circle.

        What then goes at once need not be looked for by the garbage collector, which costs a fifth of a run.
        """
        self.broadcaster = self.tamper = None
        self.connect = self.disconnect = self.publish = _over
        self.open.clear()
        self.last.clear()
        self.ever.clear()
        self.own.clear()
        self.behind.clear()
        self.cancelling.clear()
        self.waits.clear()
        self.hoard.clear()
        self._pumps.clear()
        self._values.clear()
        self._contexts.clear()
        for wire in self.wires:
            wire.held.clear()
            wire.receivers.clear()
        self._deaths.clear()
        loop = self.loop
        loop.on_jump = loop.on_time = None
        loop.gates.clear()
        loop.gates.kept = None

    def _probe(self, user: int) -> asyncio.Task[Any]:
        return self.start(self.do_publish(user, 0, "probe", probe=True))


PROBING_OTHERS = "probing with stalls held"
FLOOD = 100_000
PACED = 10
"""A broadcaster that paces itself is given so many times what counts as quiet, as long as events come."""
PATIENCE = 300
"""Moves of the clock that one wait goes on for."""
UNDER_WAY = 2
"""Iterations of the loop in which a send that was scheduled before a disconnect may still start after it: one for a
task (gather, a task group), two for a task's task (gather over wait_for)."""
CROWD = 10
"""Open connections from which on a broadcaster may refuse one more."""
