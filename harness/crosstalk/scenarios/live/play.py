"""One round played: a task for each user's track, real connections, and everything written down as it happens.

The round ends when all tracks are through and all is quiet: every run that is owed has been completed on every
connection it is owed to, or had its time; then stragglers get a moment, every healthy connection is pinged (what the
server wrote before its answer has arrived by then), and only after that is everything closed.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from crosstalk.auth.base import AuthenticationFailed, Authenticator, Credential
from crosstalk.auth.rate import Rate
from crosstalk.model.live_history import NEVER, NOT_STARTED, READY, STARTED, STARTING, UNANSWERED
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.live.program import (
    AnyStep,
    Ask,
    Await,
    Close,
    Hold,
    LiveProgram,
    Meet,
    Open,
    Release,
    Reset,
    Rest,
    Silent,
    Slow,
)
from crosstalk.scenarios.live.record import Recorder
from crosstalk.targets.cause import Asked, Cause, NotCaused
from crosstalk.targets.connection import Closed, Connect, Connection, NotConnected, Terms
from crosstalk.targets.websocket import connect

ATTEMPTS, PATIENCE_OF_BARRIERS, SMALL_BUFFER = 3, 10.0, 4096
FRESH = 5.0
"""Seconds for which a credential must still be valid when a connection is opened with it."""
HOPELESS = (401, 403, 404)
LATER, PUT_OFF = 429, 8
"""The status of a server that asks to come later, and how often a user lets itself be told so."""


@dataclass(slots=True)
class Means:
    """What rounds are played with. `ending` makes every track end at its next step."""

    url: str
    authenticator: Authenticator
    cause: Cause
    known: Known
    terms: Terms
    clock: Callable[[], float]
    connections: Rate
    messages: Rate
    paces: Sequence[Rate]
    run_seconds: float = 30.0
    linger_seconds: float = 0.3
    ping_seconds: float = 5.0
    connect: Connect = connect
    credentials: dict[int, Credential] = field(default_factory=dict)
    opened: Callable[[float], None] = lambda seconds: None
    reconnected: Callable[[float], None] = lambda seconds: None
    learn: Callable[[Credential], None] = lambda credential: None
    up: int = 0
    fans_out: bool = False
    ending: bool = False


class Playing:
    """One round while it is played."""

    def __init__(self, means: Means, program: LiveProgram, recorder: Recorder) -> None:
        self.means = means
        self.program = program
        self.recorder = recorder
        self.history = recorder.history
        self.devices: dict[tuple[int, int], Connection] = {}
        self.latest: dict[tuple[int, int], Connection] = {}
        self.all: set[Connection] = set()
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.runs_of: dict[int, list[int]] = defaultdict(list)
        self.numbers: dict[int, int] = defaultdict(int)
        self.exhausted: set[int] = set()
        self.expected: dict[int, int] = defaultdict(int)
        self.arrived: dict[int, int] = defaultdict(int)
        self.barriers: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.unread: set[asyncio.Task[None]] = set()
        for track in program.tracks:
            for step in track:
                if isinstance(step, Meet):
                    self.expected[step.barrier] += 1
        recorder.completed = self._completed
        recorder.declined = self._give_up

    async def play(self) -> None:
        """Play to the end, and close every connection whatever happens."""
        try:
            async with asyncio.TaskGroup() as tracks:
                for user, steps in enumerate(self.program.tracks):
                    if steps:
                        tracks.create_task(self._track(user, steps))
            await self._settle()
        finally:
            await self._close_all()

    # ----------------------------------------------------------------------------------------- a user's track

    async def _track(self, user: int, steps: tuple[AnyStep, ...]) -> None:
        met: set[int] = set()
        try:
            for step in steps:
                if self.means.ending or user in self.exhausted:
                    break
                if isinstance(step, Meet):
                    met.add(step.barrier)
                await self._step(user, step)
        finally:
            for step in steps:
                if isinstance(step, Meet) and step.barrier not in met:
                    self._arrive(step.barrier)  # whoever ends early keeps nobody waiting

    async def _step(self, user: int, step: AnyStep) -> None:
        match step:
            case Open():
                await self._open(user, step)
            case Close(device):
                await self._leave(self.devices.pop((user, device), None))
            case Reset(device):
                connection = self.devices.pop((user, device), None)
                if connection is not None and connection.is_open:
                    self._excuse(connection, "it was reset by its user")
                    self._leaving(connection)
                    connection.reset()
            case Silent(device):
                connection = self.devices.pop((user, device), None)
                if connection is not None and connection.is_open:
                    self._excuse(connection, "its user fell silent")
                    self._leaving(connection)
                    connection.fall_silent()
            case Slow(device, seconds):
                connection = self.devices.get((user, device))
                if connection is not None and connection.is_open:
                    self._excuse(connection, "its user didn't read for a while")
                    connection.pause_reading()
                    asyncio.get_running_loop().call_later(seconds, connection.resume_reading)
            case Hold(device):
                connection = self.devices.get((user, device))
                if connection is not None and connection.is_open:
                    self._excuse(connection, "its user didn't read for a while")
                    self._release(connection.number)
                    self.recorder.apply("held", connection.number, self.means.clock(), self.means.run_seconds)
                    connection.pause_reading()
            case Release(device):
                connection = self.devices.get((user, device))
                if connection is not None and connection.is_open:
                    self.recorder.apply("released", connection.number, self.means.clock())
                    connection.resume_reading()
            case Ask():
                await self._ask(user, step)
            case Await():
                await self._await(user)
            case Meet(barrier):
                self._arrive(barrier)
                try:
                    async with asyncio.timeout(self.means.run_seconds + PATIENCE_OF_BARRIERS):
                        await self.barriers[barrier].wait()
                except TimeoutError:
                    self.barriers[barrier].set()
            case Rest(seconds):
                await asyncio.sleep(seconds)

    def _arrive(self, barrier: int) -> None:
        self.arrived[barrier] += 1
        if self.arrived[barrier] >= self.expected[barrier]:
            self.barriers[barrier].set()

    async def _open(self, user: int, step: Open) -> None:
        place = (user, step.device)
        old = self.devices.get(place)
        if old is not None and old.is_open:
            if not step.anew:
                return
            # where a user may have one connection, the server rightly ends the old one
            self._excuse(old, "a new connection of the same device took its place")
            self._release(old.number)
        seconds = 0.0  # without the waits that our own rate imposes
        attempt = put_off = 0
        while True:
            if self.means.ending:
                return
            await self.means.connections.permit()
            began = self.means.clock()
            try:
                made = await self._connect(user, step, LATER if put_off < PUT_OFF else 0)
                if place in self.latest:
                    self.means.reconnected(seconds + self.means.clock() - began)
                self.devices[place] = self.latest[place] = made
                break
            except NotConnected as failed:
                if failed.status == LATER and put_off < PUT_OFF:
                    put_off += 1
                else:
                    attempt += 1
                if failed.status in HOPELESS or failed.kind in ("dns", "tls", "denied") or attempt == ATTEMPTS:
                    break
                await asyncio.sleep(min(5.0, failed.retry_after or 0.1 * 2 ** (attempt + put_off)))
                seconds += self.means.clock() - began
            except AuthenticationFailed:
                break
        if old is not None and old is not self.devices.get(place):
            await self._leave(old)

    async def _connect(self, user: int, step: Open, later: int) -> Connection:
        """Being answered with the status `later` is no failure."""
        recorder, means = self.recorder, self.means
        began = means.clock()
        episode = len(self.history.episodes)
        before = self.latest.get((user, step.device))
        recorder.apply("connecting", user, step.device, began)
        clock, receive = means.clock, recorder.receive

        def ended(connection: Connection, how: Closed) -> None:
            self.all.discard(connection)
            if self.history.episodes[episode].connected != NEVER:
                means.up -= 1
                recorder.apply("left", episode, clock(), how.by, "" if how.by == "us" else how.why)
                self._release(episode)
                if how.by != "us":
                    self._dropped(user, step.device)

        try:
            credential = await self._credential(user)
            connection = await means.connect(
                self._url(user),
                credential,
                lambda connection, data: receive(episode, clock(), data),
                ended,
                replace(
                    means.terms,
                    receive_buffer=SMALL_BUFFER if step.narrow else 0,
                    last_event_id=before.last_event_id if before is not None else "",
                ),
            )
        except (NotConnected, AuthenticationFailed) as failed:
            put_off = later and isinstance(failed, NotConnected) and failed.status == later
            recorder.apply("failed", episode, clock(), "" if put_off else str(failed))
            raise
        except asyncio.CancelledError:
            recorder.apply("failed", episode, clock(), "")
            raise
        connection.number = episode
        self.all.add(connection)
        means.up += 1
        now = clock()
        recorder.apply("connected", episode, now)
        means.opened(now - began)
        if connection.closed is not None:  # as fast as that
            ended(connection, connection.closed)
        return connection

    def _url(self, user: int) -> str:
        """Where the user connects to."""
        return self.means.url

    def _dropped(self, user: int, device: int) -> None:
        """The other side, or the network, has ended a connection of the user's; here nobody comes back for that."""

    async def _credential(self, user: int) -> Credential:
        means = self.means
        credential = means.credentials.get(user)
        if credential is None:
            credential = await means.authenticator.login(means.known.users[user])
        elif credential.expires is not None and credential.expires < time.time() + FRESH:
            credential = await means.authenticator.refresh(credential)
        means.credentials[user] = credential
        means.learn(credential)
        return credential

    async def _ask(self, user: int, step: Ask) -> None:
        means, recorder, known = self.means, self.recorder, self.means.known
        connection = self._speaking(user, step.device)
        if connection is None:
            await self._open(user, Open(step.device))
            connection = self._speaking(user, step.device)
        if connection is None:
            return  # that it couldn't connect has been counted
        await means.paces[user].permit()
        await means.messages.permit()
        run = len(self.history.runs)
        self.numbers[user] += 1
        number = self.numbers[user]
        canary = known.canary(self.history.number, user, number, run)
        asked = Asked(
            known.users[user],
            canary,
            known.run_id(canary, user, self.history.number, run),
            known.thread_id(user, step.thread),
            means.credentials[user],
        )
        self.waiting[run] = asyncio.get_running_loop().create_future()
        self.runs_of[user].append(run)
        recorder.apply("run", user, number, connection.number if means.cause.on_connection else -1, means.clock())
        if self._is_held(connection):
            task = asyncio.create_task(self._cause(run, asked, connection))
            self.unread.add(task)
            task.add_done_callback(self.unread.discard)
        else:
            await self._cause(run, asked, connection)

    async def _cause(self, run: int, asked: Asked, connection: Connection) -> None:
        means, recorder = self.means, self.recorder
        why = ""
        try:
            async with asyncio.timeout(means.run_seconds):
                await means.cause.ask(asked, connection.send)
            if self.history.runs[run].status == STARTING:  # it may have been declined by now
                recorder.apply("asked", run, means.clock(), STARTED, "")
            return
        except ConnectionError:
            pass
        except TimeoutError:
            why = "the server didn't take the message in time"
        except NotCaused as refused:
            why = str(refused)
        if self.history.episodes[connection.number].held != NEVER:
            why = ""  # who does not read may be served later
        recorder.apply("asked", run, means.clock(), NOT_STARTED, why)

    def _is_held(self, connection: Connection) -> bool:
        known = self.history.episodes[connection.number]
        return known.held != NEVER and known.released == NEVER

    def _speaking(self, user: int, device: int) -> Connection | None:
        """The open connection of the device, or of another device of the user's, that is not excused but for a hold."""
        for place in chain(((user, device),), (place for place in self.devices if place[0] == user)):
            connection = self.devices.get(place)
            if (
                connection is not None
                and connection.is_open
                and (self.history.episodes[connection.number].excused == NEVER or self._is_held(connection))
            ):
                return connection
        return None

    async def _await(self, user: int) -> None:
        mine = self.runs_of[user]
        waits = [self.waiting[run] for run in mine if self._is_owed(run) and not self.waiting[run].done()]
        if not waits:
            return
        latest = max(self.history.runs[run].started for run in mine)
        left = latest + self.means.run_seconds - self.means.clock()
        _, late = await asyncio.wait(waits, timeout=max(0.0, left))
        if late:
            self.exhausted.add(user)  # it would be as long again with every further run

    # ----------------------------------------------------------------------------------------- runs under way

    def _is_owed(self, run: int) -> bool:
        """Whether somebody is still there who waits for it: the connection that asked, or any that was there."""
        known = self.history.runs[run]
        if known.status == NOT_STARTED:
            return False
        if known.episode >= 0:
            return self._stands(known.episode)
        mine = (number for number, episode in enumerate(self.history.episodes) if episode.user == known.user)
        return any(self._stands(number) and self._was_there(number, run) for number in mine)

    def _was_there(self, episode: int, run: int) -> bool:
        """Whether the server should have known of the connection when the run was asked for."""
        known = self.history.episodes[episode]
        return min(known.first_event, known.connected + READY) < self.history.runs[run].started

    def _stands(self, episode: int) -> bool:
        known = self.history.episodes[episode]
        return known.connected != NEVER and known.excused == NEVER and known.leaving == NEVER and known.left == NEVER

    def _completed(self, run: int, episode: int) -> None:
        asked_on = self.history.runs[run].episode
        if asked_on >= 0 and episode != asked_on:
            self.means.fans_out = True
            if self._stands(asked_on):
                return  # whoever asked is to see it too
        future = self.waiting.get(run)
        if future is not None and not future.done():
            future.set_result(None)

    def _give_up(self, run: int) -> None:
        """The server has declined the run: nobody waits for it."""
        if not self.waiting[run].done():
            self.waiting[run].set_result(None)

    def _release(self, episode: int) -> None:
        """A connection is owed nothing any more: nobody waits for the runs that were owed to it alone."""
        for run in self.runs_of[self.history.episodes[episode].user]:
            if not self.waiting[run].done() and not self._is_owed(run):
                self.waiting[run].set_result(None)

    # ----------------------------------------------------------------------------------------- the end of the round

    async def _settle(self) -> None:
        means = self.means
        while self._unsettled():
            await asyncio.sleep(0.02)
        await asyncio.sleep(means.linger_seconds)
        standing = [connection for connection in self.all if self._stands(connection.number)]
        answers = await asyncio.gather(*(connection.ping(means.ping_seconds) for connection in standing))
        for connection, answered in zip(standing, answers, strict=True):
            if answered:
                self.recorder.apply("answered", connection.number)
            elif self._stands(connection.number):
                self._excuse(connection, UNANSWERED)
        self.recorder.settle()
        self.recorder.apply("quiet", means.clock())

    def _unsettled(self) -> bool:
        """Whether something owed has not come, and still has time to come."""
        now = self.means.clock()
        places: dict[int, list[int]] = defaultdict(list)
        for number, episode in enumerate(self.history.episodes):
            if self._stands(number):
                places[episode.user].append(number)
        for number, run in enumerate(self.history.runs):
            if not self._is_owed(number) or now > run.started + self.means.run_seconds:
                continue
            if run.completed == NEVER:
                return True
            for place in places[run.user]:
                there = place == run.episode or self._was_there(place, number)
                owed = place == run.episode or self.means.fans_out or run.episode < 0
                if there and owed and not self.recorder.has_completed(number, place):
                    return True
        return False

    def _excuse(self, connection: Connection, why: str) -> None:
        self.recorder.apply("excused", connection.number, self.means.clock(), why)

    def _leaving(self, connection: Connection) -> None:
        self.recorder.apply("leaving", connection.number, self.means.clock())
        self._release(connection.number)

    async def _leave(self, connection: Connection | None) -> None:
        if connection is not None and connection.closed is None:
            self._leaving(connection)
            await connection.close()

    async def _close_all(self) -> None:
        """Every connection that is still open, politely, and together."""
        for task in self.unread:
            task.cancel()
        leaving = list(self.all)
        for connection in leaving:
            if connection.closed is None and self.history.episodes[connection.number].leaving == NEVER:
                self.recorder.apply("leaving", connection.number, self.means.clock())
        closing = asyncio.gather(*(connection.close() for connection in leaving), return_exceptions=True)
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            for connection in leaving:
                connection.abort()
            await closing
            raise


__all__ = ["Means", "Playing"]
