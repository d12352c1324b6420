"""The examination of a live system: log-in, rounds, controls, replays of what was found, verdict.

What `examination.py` is for a broadcaster in process, this is for a system behind a URL. Rounds are played until the
time is over; each is judged when it is quiet, and forgotten. A violation seen once is a failure; how often it comes
again is found out by playing its round again, with everybody and with only those concerned.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crosstalk.auth.base import Authenticator
from crosstalk.auth.rate import Rate, login_all
from crosstalk.auth.redaction import Redactor
from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.checks.live.success import tried
from crosstalk.controls.live import LIVE_SABOTAGE
from crosstalk.model.golden_path import GOLDEN_PATH, Grammar
from crosstalk.model.history import Violation
from crosstalk.model.live_figures import LiveFigures, Sighting, bound
from crosstalk.model.live_history import BASES, NEVER, NO_BASIS, LiveHistory
from crosstalk.model.times import Times
from crosstalk.model.verdict import (
    CheckVerdict,
    Control,
    Explored,
    FoundViolation,
    Outcome,
    Schedule,
    Verdict,
    judge,
    worst,
)
from crosstalk.reporting.live_timeline import live_timeline
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.live.play import Means, Playing
from crosstalk.scenarios.live.program import LiveProgram, draw
from crosstalk.scenarios.live.record import Recorder
from crosstalk.targets.cause import Cause
from crosstalk.targets.reading import Pointers, reader
from crosstalk.targets.websocket import Connection, Limits, NotConnected, connect

CHECK_NAMES = (*LIVE_CHECKS, "success", "latency")
KEPT_FRAMES = 20_000
SHOWN = 5
"""Distinct violations of one check that are shown."""
REPEATS = 3
LAG_SECONDS = 0.05
FLUSH_SECONDS = 0.2


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
    connect_rate: float = 50.0
    message_rate: float = 100.0
    log_in_rate: Rate = field(default_factory=Rate)
    fan_out: str = "auto"
    faults: bool = True
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    tls: ssl.SSLContext | None = None
    origin: str = ""
    target: str = ""
    journal: Path | None = None
    again: str = ""


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


@dataclass(slots=True)
class _Found:
    """One distinct defect: where it was first seen, and how often."""

    violation: Violation
    round: int
    timeline: str
    seconds: float
    excerpt: str
    times: int = 1
    repeats: int = 0
    again: int = 0
    fewest: int = 0


async def examine_live(
    settings: LiveSettings, redactor: Redactor, progress: Callable[[Progress], None] | None = None
) -> Verdict:
    """Examine for `settings.seconds`, and judge. Raises Unreachable; being cancelled ends it with what is known."""
    return await _Live(settings, redactor, progress).examine()


class _Live:
    """The state of one live examination."""

    def __init__(self, settings: LiveSettings, redactor: Redactor, progress: Callable[[Progress], None] | None) -> None:
        self.settings = settings
        self.redactor = redactor
        self.progress = progress
        self.clock_began = time.monotonic()
        self.known = Known(secrets.token_bytes(16), settings.users)
        self.means = Means(
            settings.url,
            settings.authenticator,
            settings.cause,
            self.known,
            settings.limits,
            self.clock,
            Rate(settings.connect_rate, max(1, int(settings.connect_rate))),
            Rate(settings.message_rate, max(1, int(settings.message_rate))),
            settings.run_seconds,
            tls=settings.tls,
            origin=settings.origin,
            fans_out=settings.fan_out == "all",
        )
        self.read = reader(settings.pointers)
        self.opportunities = dict.fromkeys(CHECK_NAMES, 0)
        self.found: dict[tuple[str, str], _Found] = {}
        self.causes: Counter[str] = Counter()
        self.controls: list[Control] = []
        self.inapplicable: dict[str, str] = {}
        self.notes: list[str] = []
        self.bases: Counter[str] = Counter()
        self.unattributed: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.attempts = self.rounds = self.connections = self.runs = self.deliveries = self.steps = self.faults = 0
        self.unread: list[str] = []
        self.unclear = 0
        self.foreign = 0
        self.latency = Times()
        self.connecting = Times()
        self.lag = Times()
        self.recorder: Recorder | None = None
        self.interrupted = False
        self.means.opened = lambda seconds: self.connecting.record(seconds)

    def clock(self) -> float:
        return time.monotonic() - self.clock_began

    async def examine(self) -> Verdict:
        settings = self.settings
        journal = Journal(settings.journal) if settings.journal is not None else None
        beats = asyncio.create_task(self._beat(journal))
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError, ValueError, RuntimeError):  # not on every system, nor in a thread
            loop.add_signal_handler(signal.SIGTERM, task.cancel if task is not None else lambda: None)
        try:
            await self._log_in()
            await self._first_connection()
            await self._rounds(journal)
        except asyncio.CancelledError:
            self.interrupted = True
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
        return self._verdict()

    # ------------------------------------------------------------------------------------------ before the rounds

    async def _log_in(self) -> None:
        done = await login_all(self.settings.authenticator, self.settings.users, self.settings.log_in_rate)
        for number, user in enumerate(self.settings.users):
            if user in done.credentials:
                credential = done.credentials[user]
                self.means.credentials[number] = credential
                self.redactor.learn(*(secret for secret in credential.secrets if len(secret) >= 4))
        for why in done.failures.values():
            self.failures[f"could not log in: {self.redactor.text(why)}"] += 1
        self.attempts += len(self.settings.users)
        if not done.credentials:
            why = next(iter(done.failures.values()), "there are no users")
            raise Unreachable(f"no user could log in: {self.redactor.text(why)}")

    async def _first_connection(self) -> None:
        """One connection before all others: what fails here would fail for everybody."""
        user = next(iter(self.means.credentials))
        try:
            connection: Connection = await connect(
                self.settings.url,
                self.means.credentials[user],
                lambda connection, data: None,
                lambda connection, how: None,
                limits=self.settings.limits,
                tls=self.settings.tls,
                origin=self.settings.origin,
            )
        except NotConnected as failed:
            name = self.settings.users[user]
            hint = "; does --auth say how its users log in?" if failed.status in (401, 403) else ""
            raise Unreachable(f"{name!r} could not connect to {self._target}: {failed}{hint}") from None
        await connection.close()

    @property
    def _target(self) -> str:
        return self.settings.target or self.settings.url.partition("?")[0]

    async def _beat(self, journal: Journal | None) -> None:
        """Several times a second: the journal to the disk, the progress, and how late this very loop is."""
        shown = flushed = 0.0
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_SECONDS)
            now = time.monotonic()
            self.lag.record(now - before - LAG_SECONDS)
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
            self.runs + (len(current.runs) if current is not None else 0),
            self.deliveries + (current.deliveries if current is not None else 0),
            sum(found.times for (check, _), found in self.found.items() if check == "isolation"),
            len(self.found),
            self.latency.at(95),
            self.clock(),
            self.settings.seconds,
        )

    # ------------------------------------------------------------------------------------------ rounds

    async def _rounds(self, journal: Journal | None) -> None:
        settings = self.settings
        ender = asyncio.get_running_loop().call_later(max(0.1, settings.seconds), self._end)
        number = 0
        longest = 0.0
        try:
            while True:
                program = draw(settings.seed, number, len(settings.users), settings.devices, settings.faults)
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
        new = [found for found in self.found.values() if found.repeats == 0 and found.round == number - 1]
        if not new:
            return number
        users = {name: user for user, name in enumerate(self.settings.users)}
        concerned = tuple(users[name] for name in new[0].violation.users if name in users)
        for repeat in range(2 * REPEATS):
            fewer = repeat >= REPEATS
            if self.means.ending or (fewer and (len(concerned) < 2 or len(concerned) == len(users))):
                break
            before = {id(found): found.times for found in new}
            await self._round(number, program.only(concerned) if fewer else program, journal)
            number += 1
            for found in new:
                seen = found.times > before[id(found)]
                found.repeats += 1
                found.again += seen
                if seen and fewer:
                    found.fewest = len(concerned)
        return number

    async def _round(self, number: int, program: LiveProgram, journal: Journal | None) -> None:
        history = LiveHistory(self.settings.users, number, self.settings.grammar)
        recorder = Recorder(
            self.known, self.read, history, journal, self.redactor.text, keep=0 if self.controls else KEPT_FRAMES
        )
        recorder.first = lambda seconds: self.latency.record(seconds)
        self.recorder = recorder
        self.known.forget(number)
        self.steps += program.steps
        self.faults += program.faults
        await Playing(self.means, program, recorder).play()
        self._judge(recorder)

    def _judge(self, recorder: Recorder) -> None:
        """Take the round into the totals, and let go of it."""
        history = recorder.history
        self.rounds += 1
        self.runs += len(history.runs)
        self.deliveries += history.deliveries
        self.connections += sum(episode.connected != NEVER for episode in history.episodes)
        self.foreign += recorder.foreign
        self.unclear += len(history.unclear)
        self.unread += [text for _, _, text in history.unread]
        for basis, type_ in zip(history.at_basis, history.at_type, strict=True):
            if basis != NO_BASIS:
                self.bases[BASES[basis]] += 1
            else:
                self.unattributed[history.types[type_] or "(no type)"] += 1
        attempts, failures = tried(history)
        self.attempts += attempts
        self.failures.update({self.redactor.text(why): count for why, count in failures.items()})
        for check, judged in LIVE_CHECKS.items():
            result = judged(history)
            self.opportunities[check] += result.opportunities
            for violation in result.violations:
                self._take(history, violation)
        if not self.controls and history.runs:
            self._control(recorder)
        recorder.kept.clear()

    def _judge_interrupted(self) -> None:
        """What the round under way has shown so far: what is owed is not judged, what came is."""
        if self.recorder is not None and self.recorder.history.number >= self.rounds:
            self._judge(self.recorder)

    def _take(self, history: LiveHistory, violation: Violation) -> None:
        self.causes[violation.check] += 1
        known = self.found.get((violation.check, violation.cause))
        if known is not None:
            known.times += 1
            return
        row = violation.send if violation.send >= 0 else violation.time
        seconds = history.at_time[row] if 0 <= row < history.deliveries else self.clock()
        self.found[violation.check, violation.cause] = _Found(
            violation,
            history.number,
            live_timeline(history, violation),
            seconds,
            history.excerpts.get(violation.send, ""),
        )

    def _control(self, recorder: Recorder) -> None:
        """Each check against its own sabotage, on what this very system sent in this round."""
        frames = tuple(recorder.kept)
        for check, sabotage in LIVE_SABOTAGE:
            falsified = sabotage(recorder, frames)
            if falsified is None:
                continue
            if check == "success":
                attempts, failures = tried(falsified)
                caught = self._too_many(sum(failures.values()), attempts)
            else:
                before = {v.cause for v in LIVE_CHECKS[check](recorder.history).violations}
                caught = any(v.cause not in before for v in LIVE_CHECKS[check](falsified).violations) or bool(
                    before and LIVE_CHECKS[check](falsified).violations
                )
            self.controls.append(Control(check, sabotage.__name__, caught))
        if self.settings.latency_limit and self.latency.count:
            late = Times()
            for _ in range(self.latency.count):
                late.record(self.settings.latency_limit * 2 + 0.01)
            self.controls.append(Control("latency", "delay_everything", self._too_late(late)))

    # ------------------------------------------------------------------------------------------ the verdict

    def _too_many(self, failures: int, attempts: int) -> bool:
        return bool(attempts) and 1 - failures / attempts < self.settings.success

    def _too_late(self, latency: Times) -> bool:
        return latency.at(95) > self.settings.latency_limit

    def _verdict(self) -> Verdict:
        checks = tuple(self._check(name) for name in CHECK_NAMES if name != "latency" or self.settings.latency_limit)
        figures = LiveFigures(
            users=len(self.settings.users),
            rounds=self.rounds,
            connections=self.connections,
            runs=self.runs,
            deliveries=self.deliveries,
            bases=dict(self.bases),
            unattributed=dict(self.unattributed.most_common(20)),
            attempts=self.attempts,
            failures=dict(self.failures),
            faults=self.faults,
            bound=bound(self.opportunities["isolation"]),
            latency=self.latency.percentiles(),
            connecting=self.connecting.percentiles(),
            lag=self.lag.percentiles(),
            journal=str(self.settings.journal or ""),
        )
        return Verdict(
            worst(check.verdict for check in checks),
            self._target,
            self.settings.seed,
            checks,
            tuple(self.controls),
            Explored(self.rounds, self.rounds, self.steps, self.deliveries, round(self.clock(), 3)),
            notes=tuple(self._notes()),
            interrupted=self.interrupted,
            live=figures,
        )

    def _check(self, name: str) -> CheckVerdict:
        mine = [found for (check, _), found in self.found.items() if check == name]
        caught = [control.caught for control in self.controls if control.check == name]
        opportunities = self.opportunities[name]
        if name == "success":
            return self._success(all(caught) if caught else None)
        if name == "latency":
            return self._latency(all(caught) if caught else None)
        outcome, reason = judge(
            opportunities, len(mine), all(caught) if caught else None, inapplicable=self._inapplicable(name)
        )
        if outcome == "pass" and not reason:
            outcome, reason = self._doubts(name)
        violations = tuple(self._shown(found) for found in mine[:SHOWN])
        return CheckVerdict(name, outcome, opportunities, violations, reason)

    def _doubts(self, name: str) -> tuple[Outcome, str]:
        """What keeps a check without violations from a pass, or what its pass says."""
        if name == "isolation":
            most = bound(self.opportunities[name])
            how = ", ".join(f"{count:,} by {basis}" for basis, count in self.bases.most_common())
            return "pass", f"0 leaks: below {most:.2g} a delivery at 95 %; judged {how}"
        if name == "protocol" and self.unread:
            first = self.unread[0]
            return "unknown", f"{len(self.unread)} frames could not be read, the first: {first!r}"
        return "pass", ""

    def _inapplicable(self, name: str) -> str:
        if name == "ownership" and not self.interrupted:
            return "no envelope names a simulated user"
        if name == "delivery" and self.settings.devices < 2:
            return "each user has one device"
        if name == "delivery" and self.settings.fan_out != "all" and not self.means.fans_out and self.runs:
            return "events went only to the connection that asked for them"
        if name in ("duplicate", "order") and not self.settings.pointers.sequence:
            return "no pointer to sequence numbers is declared"
        return ""

    def _success(self, caught: bool | None) -> CheckVerdict:
        failed = sum(self.failures.values())
        said = "; ".join(f"{count} times: {why}" for why, count in self.failures.most_common(3))
        if self._too_many(failed, self.attempts):
            share = f"{1 - failed / self.attempts:.1%} of {self.attempts:,} succeeded, {self.settings.success:.1%} must"
            seen = _Found(
                Violation("success", f"{share}: {said}", (), -1, "too many failures"), -1, "", self.clock(), ""
            )
            return CheckVerdict("success", "fail", self.attempts, (self._shown(seen),))
        outcome, reason = judge(self.attempts, 0, caught)
        if outcome == "pass" and failed:
            reason = f"{failed} failed, within what is allowed: {said}"
        return CheckVerdict("success", outcome, self.attempts, (), reason)

    def _latency(self, caught: bool | None) -> CheckVerdict:
        count = self.latency.count
        limit, p95, lag = self.settings.latency_limit, self.latency.at(95), self.lag.at(95)
        said = f"p95 {p95 * 1e3:.0f} ms, limit {limit * 1e3:.0f} ms"
        if count and self._too_late(self.latency):
            if lag > limit / 5:
                return CheckVerdict(
                    "latency", "unknown", count, (), f"{said}, but this client itself was {lag * 1e3:.0f} ms late"
                )
            message = f"{said}: from asking for a run to its first event on a connection"
            return CheckVerdict("latency", "fail", count, (self._summed("latency", message),))
        outcome, reason = judge(count, 0, caught)
        return CheckVerdict("latency", outcome, count, (), reason or said)

    def _summed(self, check: str, message: str) -> FoundViolation:
        """A violation that no single moment shows."""
        return self._shown(_Found(Violation(check, message, (), -1, "too many"), -1, message, self.clock(), ""))

    def _shown(self, found: _Found) -> FoundViolation:
        return FoundViolation(
            self.redactor.text(found.violation.message),
            found.violation.users,
            "",
            Schedule("live", 0),
            self.redactor.text(found.timeline),
            found.violation.cause,
            Sighting(
                round(found.seconds, 3),
                found.round,
                found.excerpt,
                found.times,
                found.repeats,
                found.again,
                found.fewest,
                self.settings.again,
            ),
        )

    def _notes(self) -> list[str]:
        notes = list(self.notes)
        agent = {kind: n for kind, n in self.unattributed.items() if kind in self.settings.grammar.alphabet}
        if agent:
            total = sum(agent.values())
            notes.append(f"{total:,} agent events carry nothing that tells whose they are ({', '.join(sorted(agent))})")
        others = sum(self.unattributed.values()) - sum(agent.values())
        if others:
            kinds = ", ".join(kind for kind, _ in self.unattributed.most_common(6) if kind not in agent)
            notes.append(f"{others:,} other frames belong to nobody in particular ({kinds})")
        if self.bases and "canary" not in self.bases:
            notes.append("this system does not send back what its users write: judged by ids and envelopes alone")
        if self.unclear:
            notes.append(f"in {self.unclear:,} cases the runs of a user in a round could not be told apart, nor judged")
        if self.foreign:
            notes.append(f"{self.foreign:,} canaries are of another run of Crosstalk, and can't be traced to a user")
        if self.faults:
            notes.append(f"{self.faults:,} connections were reset, fell silent or were read slowly by their users")
        return notes


__all__ = ["CHECK_NAMES", "LiveSettings", "Progress", "Unreachable", "examine_live"]
