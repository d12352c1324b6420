"""The examination of a live system: log-in, rounds, controls, replays of what was found, verdict.

What `examination.py` is for a broadcaster in process, this is for a system behind a URL. Rounds are played until the
time is over; each is judged when it is quiet, and forgotten. A violation seen once is a failure; how often it comes
again is found out by playing its round again, with everybody and with only those concerned.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from crosstalk.auth.base import Authenticator, Credential
from crosstalk.auth.rate import Rate, login_all
from crosstalk.auth.redaction import SHORTEST, Redactor
from crosstalk.checks.live.success import Failure
from crosstalk.live_tally import Demands, Found, Tally
from crosstalk.model.golden_path import GOLDEN_PATH, Grammar
from crosstalk.model.live_history import NEVER, LiveHistory
from crosstalk.model.verdict import Verdict
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.live.play import Means, Playing
from crosstalk.scenarios.live.program import LiveProgram, draw
from crosstalk.scenarios.live.record import Recorder
from crosstalk.scenarios.live.shrink import smaller
from crosstalk.targets.cause import Cause
from crosstalk.targets.connection import PLAIN, Connect, NotConnected, Terms
from crosstalk.targets.reading import Pointers, reader
from crosstalk.targets.websocket import connect

KEPT_USERS = 20
"""Of so many users the first round's frames are kept, for the controls."""
REPEATS = 3
TRIES, SHRINKING = 2, 16
"""How often a smaller program is played before it is given up, and how many such rounds there are in all."""
LAG_SECONDS = 0.05
FLUSH_SECONDS = 0.2


ONE_CONNECTION = (
    "this system ends a user's connection when the same user opens another: users had one each (--devices 1)"
)
SUPERSEDED_SECONDS = 2.0


class Unreachable(Exception):
    """The system can't be examined at all; the message is one sentence without secrets."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What is examined, how hard, and by which limits."""

    url: str
    users: tuple[str, ...]
    authenticator: Authenticator
    cause: Cause
    pointers: Pointers = Pointers()  # noqa: RUF009 - frozen
    grammar: Grammar = GOLDEN_PATH
    devices: int = 2
    seconds: float = 15.0
    seed: int = 0
    run_seconds: float = 30.0
    success: float = 0.99
    latency_limit: float = 0.0
    reconnect_limit: float = 0.0
    connect_rate: float = 50.0
    message_rate: float = 100.0
    user_rate: float = 0.0
    log_in_rate: Rate = field(default_factory=Rate)
    fan_out: str = "auto"
    faults: bool = True
    terms: Terms = PLAIN
    target: str = ""
    journal: Path | None = None
    again: str = ""
    notes: tuple[str, ...] = ()
    connect: Connect = connect


@dataclass(slots=True)
class Progress:
    """What a progress display shows."""

    up: int
    users: int
    runs: int
    deliveries: int
    leaks: int
    violations: int
    p95: float
    elapsed: float
    seconds: float


async def examine_live(
    settings: LiveSettings, redactor: Redactor, progress: Callable[[Progress], None] | None = None
) -> Verdict:
    """Examine for `settings.seconds`, and judge. Raises Unreachable; being cancelled ends it with what is known."""
    examining = Examining(settings, redactor, progress)
    await examining.examine()
    return examining.tally.verdict()


def superseding(history: LiveHistory) -> dict[int, float]:
    """The connections that the server closed when their user had opened another, and since when that was open.

    Empty unless it is so for every user who had several, on all but one of them.
    """
    mine: dict[int, list[int]] = defaultdict(list)
    for number, episode in enumerate(history.episodes):
        if episode.connected != NEVER:
            mine[episode.user].append(number)
    found: dict[int, float] = {}
    for several in (numbers for numbers in mine.values() if len(numbers) > 1):
        before = len(found)
        for number in several:
            episode = history.episodes[number]
            later = [history.episodes[other].connecting for other in several if other != number]
            since = max((t for t in later if 0 <= episode.left - t <= SUPERSEDED_SECONDS), default=NEVER)
            if episode.lost_by == "server" and since != NEVER:
                found[number] = since
        if len(found) - before != len(several) - 1:
            return {}
    return found


class Examining:
    """The state of one live examination; what `rounds` are played is what differs from one kind to another."""

    def __init__(self, settings: LiveSettings, redactor: Redactor, progress: Callable[[Progress], None] | None) -> None:
        self.settings = settings
        self.redactor = redactor
        self.progress = progress
        self.clock_began = self.due = time.monotonic()
        self.late = 0.0
        self.known = Known(secrets.token_bytes(16), settings.users)
        self.means = Means(
            settings.url,
            settings.authenticator,
            settings.cause,
            self.known,
            settings.terms,
            self.clock,
            Rate(settings.connect_rate, max(1, int(settings.connect_rate))),
            Rate(settings.message_rate, max(1, int(settings.message_rate))),
            [Rate(settings.user_rate) for _ in settings.users],
            settings.run_seconds,
            connect=settings.connect,
            fans_out=settings.fan_out == "all",
        )
        self.read = reader(settings.pointers)
        demands = Demands(
            settings.target or settings.url.partition("?")[0],
            settings.grammar,
            settings.success,
            settings.latency_limit,
            settings.reconnect_limit,
            settings.fan_out,
            settings.devices,
            bool(settings.pointers.sequence),
            settings.seed,
            settings.again,
        )
        self.tally = Tally(demands, redactor.text, self.clock, settings.users, journal=str(settings.journal or ""))
        self.tally.notes += settings.notes
        self.devices = settings.devices
        self.recorder: Recorder | None = None
        self.means.opened = self.tally.connecting.record
        self.means.reconnected = self.tally.reconnecting.record
        self.means.learn = self._learn

    def clock(self) -> float:
        return round(time.monotonic() - self.clock_began, 6)

    async def examine(self) -> None:
        settings = self.settings
        journal = Journal(settings.journal, settings.target) if settings.journal is not None else None
        beats = asyncio.create_task(self._beat(journal))
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError, ValueError, RuntimeError):  # not on every system, nor in a thread
            loop.add_signal_handler(signal.SIGTERM, task.cancel if task is not None else lambda: None)
        try:
            await self._log_in()
            await self.first_connection()
            await self.rounds(journal)
        except asyncio.CancelledError:
            self.tally.interrupted = True
            if task is not None:
                task.uncancel()
            self._judge_interrupted()
        finally:
            beats.cancel()
            with suppress(asyncio.CancelledError):
                await beats
            if journal is not None:
                journal.close()
            with suppress(Exception):
                await settings.authenticator.close()

    # ------------------------------------------------------------------------------------------ before the rounds

    async def _log_in(self) -> None:
        done = await login_all(self.settings.authenticator, self.settings.users, self.settings.log_in_rate)
        for number, user in enumerate(self.settings.users):
            if user in done.credentials:
                self.means.credentials[number] = done.credentials[user]
                self._learn(done.credentials[user])
        for user, why in done.failures.items():
            self.tally.fail(
                self.settings.users, Failure(f"could not log in: {why}", self.settings.users.index(user), 0.0)
            )
        self.tally.attempts += len(self.settings.users)
        if not done.credentials:
            why = next(iter(done.failures.values()), "there are no users")
            raise Unreachable(f"no user could log in: {self.redactor.text(why)}")

    def _learn(self, credential: Credential) -> None:
        self.redactor.learn(*(secret for secret in credential.secrets if len(secret) >= SHORTEST))

    async def first_connection(self, url: str = "") -> None:
        """One connection, to `url` or where all will go, before all others: what fails here fails for everybody."""
        user = next(iter(self.means.credentials))
        try:
            connection = await self.settings.connect(
                url or self.settings.url,
                self.means.credentials[user],
                lambda connection, data: None,
                lambda connection, how: None,
                self.settings.terms,
            )
        except NotConnected as failed:
            name = self.settings.users[user]
            denied = failed.status in (401, 403) or failed.kind == "denied"
            hint = "; does --auth say how its users log in?" * denied
            if failed.status == 400 and not self.settings.terms.subprotocols:
                hint = "; does it want a --subprotocol, or another path?"
            where = url.partition("?")[0] or self.tally.demands.target
            raise Unreachable(f"{name!r} could not connect to {where}: {failed}{hint}") from None
        await connection.close()

    async def _beat(self, journal: Journal | None) -> None:
        """Several times a second: the journal to the disk, the progress, and how late this very loop is."""
        shown = flushed = 0.0
        while True:
            self.due = time.monotonic() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            now = time.monotonic()
            self.late = max(self.late, now - self.due)
            self.tally.lag.record(now - self.due)
            if journal is not None and now - flushed > FLUSH_SECONDS:
                flushed = now
                journal.flush()
            if self.progress is not None and now - shown > 0.25:
                shown = now
                self.progress(self._progress())

    def _progress(self) -> Progress:
        current = self.recorder.history if self.recorder is not None else None
        return Progress(
            self.means.up,
            len(self.settings.users),
            self.tally.runs + (len(current.runs) if current is not None else 0),
            self.tally.deliveries + (current.deliveries if current is not None else 0),
            sum(found.times for (check, _), found in self.tally.found.items() if check == "isolation"),
            len(self.tally.found),
            self.tally.latency.at(95),
            self.clock(),
            self.settings.seconds,
        )

    # ------------------------------------------------------------------------------------------ rounds

    async def rounds(self, journal: Journal | None) -> None:
        settings = self.settings
        ender = asyncio.get_running_loop().call_later(max(0.1, settings.seconds), self._end)
        number = 0
        longest = 0.0
        try:
            while True:
                program = draw(settings.seed, number, len(settings.users), self.devices, settings.faults)
                began = self.clock()
                await self._round(number, program, journal)
                longest = max(longest, self.clock() - began)
                number += 1
                left = settings.seconds - self.clock()
                if left <= 0 or self.means.ending:
                    break
                number = await self._repeats(number, program, journal)
                if settings.seconds - self.clock() < min(longest, 2.0) or self._lost():
                    break
        finally:
            ender.cancel()

    def _end(self) -> None:
        self.means.ending = True

    def _lost(self) -> bool:
        """Whether the last round had not one connection that lasted: it would only be as long again."""
        history = self.recorder.history if self.recorder is not None else None
        return history is not None and not any(history.healthy(number) for number in range(len(history.episodes)))

    async def _repeats(self, number: int, program: LiveProgram, journal: Journal | None) -> int:
        """Play the round again in which something new was found, to say how often it comes; the next round's number."""
        new = [found for found in self.tally.found.values() if found.repeats == 0 and found.round == number - 1]
        for _ in range(REPEATS * bool(new)):
            if self.means.ending:
                return number
            shown = await self._shown_by(program, number, journal, new)
            number += 1
            for found in new:
                found.repeats += 1
                found.again += found in shown
        return await self._shrunk(number, program, journal, new)

    async def _shown_by(
        self, program: LiveProgram, number: int, journal: Journal | None, known: list[Found]
    ) -> list[Found]:
        """Play `program` as round `number`; which of the `known` defects it shows."""
        before = [found.times for found in known]
        await self._round(number, program, journal)
        return [found for found, times in zip(known, before, strict=True) if found.times > times]

    async def _shrunk(self, number: int, program: LiveProgram, journal: Journal | None, new: list[Found]) -> int:
        """Look for a smaller program that shows what was found, a leak first, for half of the time that is left.

        The next round's number.
        """
        mine = sorted((found for found in new if found.again), key=lambda found: found.violation.check != "isolation")
        if not mine:
            return number
        users = {name: user for user, name in enumerate(self.settings.users)}
        concerned = tuple(users[name] for name in mine[0].violation.users if name in users)
        candidates = smaller(program, concerned)
        last, until = number + SHRINKING, (self.clock() + self.settings.seconds) / 2
        while (candidate := next(candidates, None)) is not None:
            for _ in range(TRIES):
                if self.means.ending or number >= last or self.clock() > until:
                    return number
                number += 1
                if await self._shown_by(candidate, number - 1, journal, mine[:1]):
                    mine[0].fewest = sum(map(bool, candidate.tracks))
                    mine[0].steps = candidate.steps
                    candidates = smaller(candidate, concerned)
                    break
        return number

    async def _round(self, number: int, program: LiveProgram, journal: Journal | None) -> None:
        history = LiveHistory(self.settings.users, number, self.settings.grammar)
        recorder = Recorder(
            self.known, self.read, history, journal, self.redactor.text, keep=0 if self.tally.controls else KEPT_USERS
        )
        recorder.first = self.tally.first_event
        self.recorder = recorder
        self.known.forget(number)
        self.tally.steps += program.steps
        self.tally.faults += program.faults
        await self._watched(Playing(self.means, program, recorder), self.settings.run_seconds)
        self.known.unfinished |= {run.user for run in history.runs if run.completed == NEVER}
        if number == 0:
            self._one_connection_each(recorder)
        self._judge(recorder)

    async def _watched(self, playing: Playing, patience: float) -> None:
        """Play, and take down where this client itself stood still for longer than `patience`, or than to connect."""
        self.late = 0.0
        await playing.play()
        late = max(self.late, time.monotonic() - self.due)
        if late > min(patience, self.settings.terms.limits.open_seconds):
            playing.recorder.apply("late", round(late, 3))

    def _one_connection_each(self, recorder: Recorder) -> None:
        """Where nobody can have two connections, that is how the system is meant, and users have one from then on."""
        superseded = superseding(recorder.history)
        if superseded:
            for episode, since in superseded.items():
                recorder.apply("excused", episode, since, "a new connection of its user took its place")
            self.devices = 1
            self.tally.demands = replace(self.tally.demands, devices=1)
            self.tally.notes.append(ONE_CONNECTION)

    def _judge(self, recorder: Recorder) -> None:
        """Take the round into the totals, and let go of it."""
        self.tally.fans_out = self.means.fans_out
        self.tally.foreign += recorder.foreign
        self.tally.take(recorder.history)
        if not self.tally.controls and recorder.history.runs:
            self.tally.control(recorder)
        self.tally.control_of_blocking(recorder.history)
        recorder.kept.clear()

    def _judge_interrupted(self) -> None:
        """What the round under way has shown so far: what is owed is not judged, what came is."""
        if self.recorder is not None and self.recorder.history.number >= self.tally.rounds:
            self._judge(self.recorder)


__all__ = ["Examining", "LiveSettings", "Progress", "Unreachable", "examine_live"]
