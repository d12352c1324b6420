"""Rounds added up, and judged: the only place where a live run's verdict is made.

Each round's history is taken in once it is quiet, and can be forgotten then. What is kept does not grow with time:
counts, distinct defects, histograms.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.checks.live.arrived import UNCLEAR
from crosstalk.checks.live.sequence import UNDECLARED
from crosstalk.checks.live.success import Failure, failed, put_off, tried
from crosstalk.controls.live import LIVE_SABOTAGE, hold_up
from crosstalk.live_exhibit import live_exhibit
from crosstalk.model.bound import upper_bound
from crosstalk.model.golden_path import GOLDEN_PATH, Grammar
from crosstalk.model.history import Violation
from crosstalk.model.live_figures import FAILURES, Limit, LiveFigures, Sighting, proven
from crosstalk.model.live_history import BASES, NEVER, NO_BASIS, LiveHistory
from crosstalk.model.scene import Exhibit
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
from crosstalk.model.waits import Heat
from crosstalk.reporting.live_timeline import live_timeline
from crosstalk.scenarios.live.record import Recorder, again

MISSING = {"golden_path": "incomplete", "delivery": "lost on a device", "blocking": "held up by a reader"}
"""The causes that say that something has not come in time: the client itself must have been in time to say so."""
CHECK_NAMES = (*LIVE_CHECKS, "success", "latency", "reconnect")
MEASURED = {
    "latency": "from asking for a run to its first event on a connection",
    "reconnect": "from trying to open a connection again to having it",
}
"""The checks that hold a declared limit for 95 %."""
SHOWN = 5
"""Distinct violations of one check that are shown."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of the system, and how it is spoken of. `fan_out` is all, sender, or auto: to be found out."""

    target: str
    grammar: Grammar = GOLDEN_PATH
    success: float = 0.99
    latency_limit: float = 0.0
    reconnect_limit: float = 0.0
    fan_out: str = "auto"
    devices: int = 2
    numbered: bool = False
    seed: int = 0
    again: str = ""


@dataclass(slots=True)
class Found:
    """One distinct defect: where it was first seen, and how often.

    It is shown as it was in the round with the fewest `runs` that had it for the same users.
    """

    violation: Violation
    round: int
    timeline: str
    seconds: float
    excerpt: str
    exhibit: Exhibit | None = None
    runs: int = 0
    times: int = 1
    repeats: int = 0
    again: int = 0
    fewest: int = 0
    steps: int = 0


@dataclass(slots=True)
class Tally:
    """What is known so far. `redact` cleans whatever is shown; `clock` gives seconds since the beginning."""

    demands: Demands
    redact: Callable[[str], str]
    clock: Callable[[], float]
    users: tuple[str, ...] = ()
    opportunities: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECK_NAMES, 0))
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bases: Counter[str] = field(default_factory=Counter)
    unattributed: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, float]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    unread_count: int = 0
    attempts: int = 0
    rounds: int = 0
    connections: int = 0
    runs: int = 0
    deliveries: int = 0
    steps: int = 0
    faults: int = 0
    unclear: int = 0
    foreign: int = 0
    presumed: int = 0
    put_off: int = 0
    fans_out: bool = False
    answered: bool = False
    interrupted: bool = False
    crashed: dict[str, str] = field(default_factory=dict)
    journal: str = ""
    latency: Times = field(default_factory=Times)
    connecting: Times = field(default_factory=Times)
    reconnecting: Times = field(default_factory=Times)
    lag: Times = field(default_factory=Times)
    late: list[float] = field(default_factory=list)
    heat: Heat = field(init=False)

    def __post_init__(self) -> None:
        self.heat = Heat(self.users)

    def first_event(self, user: int, asked: float, seconds: float) -> None:
        """The first event of a run has come to a connection of `user`, so long after it was asked for."""
        self.latency.record(seconds)
        self.heat.record(user, asked, seconds)

    def take(self, history: LiveHistory) -> None:
        """Take a round into the totals."""
        self.rounds += 1
        self.runs += len(history.runs)
        self.deliveries += history.deliveries
        self.connections += sum(episode.connected != NEVER for episode in history.episodes)
        self.unclear += len(history.unclear)
        self.unread_count += len(history.unread)
        self.unread += [text for _, _, text in history.unread[: SHOWN - len(self.unread)]]
        self.answered = self.answered or any(run >= 0 for run in history.at_run)
        for basis, type_, run in zip(history.at_basis, history.at_type, history.at_run, strict=True):
            if basis != NO_BASIS:
                self.bases[BASES[basis]] += 1
            else:
                self.unattributed[history.types[type_] or "(no type)"] += 1
                self.presumed += run >= 0
        if history.late:
            self.late.append(history.late)
        self.put_off += put_off(history)
        attempts, failures = failed(history)
        self.attempts += attempts
        for failure in failures:
            self.fail(history.users, failure)
        for check, judged in LIVE_CHECKS.items():
            try:
                result = judged(history)
            except Exception:
                self.crashed[check] = traceback.format_exc(limit=-3).strip()
                continue
            if not history.late or check not in MISSING:
                self.opportunities[check] += result.opportunities
            for violation in result.violations:
                if not history.late or violation.cause != MISSING.get(check):
                    self._take(history, violation)

    def fail(self, users: Sequence[str], failure: Failure) -> None:
        """Something that was tried has failed."""
        self.failures[self.redact(failure.why)] += 1
        if len(self.failed) < FAILURES:
            self.failed.append((users[failure.user], round(failure.at, 3)))

    def _take(self, history: LiveHistory, violation: Violation) -> None:
        known = self.found.get((violation.check, violation.cause))
        if known is None:
            row = violation.send if violation.send >= 0 else violation.time
            seconds = history.at_time[row] if 0 <= row < history.deliveries else self.clock()
            known = self.found[violation.check, violation.cause] = Found(
                violation, history.number, "", seconds, "", times=0
            )
        known.times += 1
        smaller = len(history.runs) < known.runs and {*violation.users} == {*known.violation.users}
        told = violation.send in history.excerpts or not known.excerpt
        if known.times == 1 or (smaller and told):
            known.violation, known.runs = violation, len(history.runs)
            known.timeline = live_timeline(history, violation)
            known.exhibit = live_exhibit(history, violation, self.redact)
            known.excerpt = history.excerpts.get(violation.send, "")

    def found_of(self, check: str) -> list[Found]:
        return [found for (name, _), found in self.found.items() if name == check]

    def control(self, recorder: Recorder) -> None:
        """Each check against its own sabotage, on what this very system sent in this round."""
        frames = tuple(recorder.kept)
        true = again(recorder, frames).history
        for check, sabotage in LIVE_SABOTAGE:
            falsified = sabotage(recorder, frames)
            if falsified is None:
                continue
            if check == "success":
                attempts, failures = tried(falsified)
                caught = self._too_many(sum(failures.values()), attempts)
            else:
                before, after = (len(LIVE_CHECKS[check](history).violations) for history in (true, falsified))
                caught = after > before or bool(self.found_of(check))
            self.controls.append(Control(check, sabotage.__name__, caught))
        for name in MEASURED:
            limit, times = self._limit(name)
            if limit:
                late = Times()
                for _ in range(max(1, times.count)):
                    late.record(limit * 2 + 0.01)
                self.controls.append(Control(name, "delay_everything", late.at(95) > limit))

    def control_of_blocking(self, history: LiveHistory) -> None:
        """The check `blocking` against its sabotage, in the first round in which somebody did not read."""
        falsified = None if any(control.check == "blocking" for control in self.controls) else hold_up(history)
        if falsified is not None:
            caught = bool(LIVE_CHECKS["blocking"](falsified).violations)
            self.controls.append(Control("blocking", hold_up.__name__, caught))

    # ------------------------------------------------------------------------------------------ the verdict

    def _too_many(self, failures: int, attempts: int) -> bool:
        return bool(attempts) and 1 - failures / attempts < self.demands.success

    def _limit(self, check: str) -> tuple[float, Times]:
        """The declared limit in seconds, 0 for none, and what was measured."""
        if check == "reconnect":
            return self.demands.reconnect_limit, self.reconnecting
        return self.demands.latency_limit, self.latency

    def verdict(self) -> Verdict:
        checks = tuple(self._check(name) for name in CHECK_NAMES if name not in MEASURED or self._limit(name)[0])
        figures = LiveFigures(
            users=len(self.users),
            rounds=self.rounds,
            connections=self.connections,
            runs=self.runs,
            deliveries=self.deliveries,
            bases=dict(self.bases),
            unattributed=dict(self.unattributed.most_common(20)),
            attempts=self.attempts,
            failures=dict(self.failures),
            faults=self.faults,
            bound=upper_bound(self.opportunities["isolation"]),
            latency=self.latency.percentiles(),
            connecting=self.connecting.percentiles(),
            reconnecting=self.reconnecting.percentiles(),
            lag=self.lag.percentiles(),
            journal=self.journal,
            heat=self.heat.map(),
            failed=tuple(self.failed),
            limits={
                name: Limit(limit, times.beyond(limit))
                for name, (limit, times) in ((name, self._limit(name)) for name in MEASURED)
                if limit
            },
        )
        return Verdict(
            worst(check.verdict for check in checks),
            self.demands.target,
            self.demands.seed,
            checks,
            tuple(self.controls),
            Explored(self.rounds, self.rounds, self.steps, self.deliveries, round(self.clock(), 3)),
            notes=tuple(self._notes()),
            interrupted=self.interrupted,
            live=figures,
        )

    def _check(self, name: str) -> CheckVerdict:
        mine = self.found_of(name)
        if name in self.crashed and not mine:
            why = "it raised " + self.crashed[name]
            return CheckVerdict(name, "unknown", self.opportunities[name], (), self.redact(why))
        caught = [control.caught for control in self.controls if control.check == name]
        opportunities = self.opportunities[name]
        if name == "success":
            return self._success(all(caught) if caught else None)
        if name in MEASURED:
            return self._in_time(name, all(caught) if caught else None)
        outcome, reason = judge(
            opportunities, len(mine), all(caught) if caught else None, inapplicable=self._inapplicable(name)
        )
        if outcome == "pass" and not reason:
            outcome, reason = self._doubts(name)
        if outcome == "unknown" and self.unclear and name in ("golden_path", "delivery"):
            reason = UNCLEAR
            if self._untold() and self.demands.devices > 1:
                reason += ", or --devices 1, where one run is under way at a time"
        violations = tuple(self._shown(found) for found in mine[:SHOWN])
        return CheckVerdict(name, outcome, opportunities, violations, reason)

    def _doubts(self, name: str) -> tuple[Outcome, str]:
        """What keeps a check without violations from a pass, or what its pass says."""
        if name == "isolation":
            return "pass", proven(self.opportunities[name], self.bases)
        if name == "protocol" and self.unread:
            first = self.unread[0]
            return "unknown", f"{self.unread_count} frames could not be read, the first: {first!r}"
        return "pass", ""

    def _untold(self) -> dict[str, int]:
        """The agent events, by type, of which nothing tells whose they are."""
        return {kind: n for kind, n in self.unattributed.items() if kind in self.demands.grammar.alphabet}

    def _inapplicable(self, name: str) -> str:
        if name == "ownership" and not self.interrupted:
            return "no envelope names a simulated user"
        if name == "delivery" and self.demands.devices < 2:
            return "each user has one device"
        if name == "delivery" and self.demands.fan_out != "all" and not self.fans_out and self.runs:
            return "events went only to the connection that asked for them"
        if name == "blocking" and not self.interrupted and not self.late:
            return "nothing piled up for anybody who did not read"
        if name in ("duplicate", "order") and not self.demands.numbered:
            return UNDECLARED
        return ""

    def _success(self, caught: bool | None) -> CheckVerdict:
        failed = sum(self.failures.values())
        said = "; ".join(
            f"{f'{count} times' if count > 1 else 'once'}: {why}" for why, count in self.failures.most_common(3)
        )
        if self.demands.devices > 1 and "the server closed it with 4" in said:
            said += " (if it allows a user one connection only: --devices 1)"
        if "answered 429" in said:
            said += " (to connect more slowly: --connect-rate)"
        if self._too_many(failed, self.attempts):
            share = f"{1 - failed / self.attempts:.1%} of {self.attempts:,} succeeded, {self.demands.success:.1%} must"
            seen = Found(
                Violation("success", f"{share}: {said}", (), -1, "too many failures"), -1, "", self.clock(), ""
            )
            return CheckVerdict("success", "fail", self.attempts, (self._shown(seen),))
        outcome, reason = judge(self.attempts, 0, caught)
        if outcome == "pass" and failed:
            reason = f"{failed} failed, within what is allowed: {said}"
        return CheckVerdict("success", outcome, self.attempts, (), reason)

    def _in_time(self, check: str, caught: bool | None) -> CheckVerdict:
        limit, times = self._limit(check)
        count, p95, lag = times.count, times.at(95), self.lag.at(99)
        said = f"p95 {p95 * 1e3:.0f} ms, limit {limit * 1e3:.0f} ms"
        if count and p95 > limit:
            if p95 - 2 * lag <= limit:  # it may be ours alone
                return CheckVerdict(
                    check, "unknown", count, (), f"{said}, but this client itself was {lag * 1e3:.0f} ms late"
                )
            message = f"{said}: {MEASURED[check]}"
            return CheckVerdict(check, "fail", count, (self._summed(check, message),))
        outcome, reason = judge(count, 0, caught)
        return CheckVerdict(check, outcome, count, (), reason or said)

    def _summed(self, check: str, message: str) -> FoundViolation:
        """A violation that no single moment shows."""
        return self._shown(Found(Violation(check, message, (), -1, "too many"), -1, message, self.clock(), ""))

    def _shown(self, found: Found) -> FoundViolation:
        return FoundViolation(
            self.redact(found.violation.message),
            found.violation.users,
            "",
            Schedule("live", 0),
            self.redact(found.timeline),
            found.violation.cause,
            found.exhibit,
            sighting=Sighting(
                round(found.seconds, 3),
                found.round,
                found.excerpt,
                found.times,
                found.repeats,
                found.again,
                found.fewest,
                self.demands.again,
                found.steps,
            ),
        )

    def _notes(self) -> list[str]:
        notes = list(self.notes)
        agent = self._untold()
        if self.runs and not self.answered and not agent and not self.unclear:
            notes.append(
                "nothing that came was an event of a run: is --cause what starts one, does --hello say what comes "
                "before, and do --read and --grammar tell how events are called?"
            )
        if agent:
            total = sum(agent.values())
            notes.append(f"{total:,} agent events carry nothing that tells whose they are ({', '.join(sorted(agent))})")
        if self.presumed:
            notes.append(
                f"{self.presumed:,} of those came while just one run of their receiver was under way, and were taken "
                "for that run's: golden_path judges them, isolation can't"
            )
        others = sum(self.unattributed.values()) - sum(agent.values())
        if others:
            kinds = ", ".join(kind for kind, _ in self.unattributed.most_common(6) if kind not in agent)
            notes.append(f"{others:,} other frames belong to nobody in particular ({kinds})")
        if self.bases and "canary" not in self.bases:
            notes.append("this system does not send back what its users write: judged by ids and envelopes alone")
        if self.unclear:
            notes.append(f"in {self.unclear:,} cases the runs of a user in a round could not be told apart, nor judged")
        if self.put_off:
            notes.append(
                f"{self.put_off:,} times the server said that a user asks too much at a time: "
                "--user-rate keeps to what it allows"
            )
        if self.foreign:
            notes.append(f"{self.foreign:,} canaries are of another run of Crosstalk, and can't be traced to a user")
        if self.late:
            notes.append(
                f"in {len(self.late):,} of {self.rounds:,} rounds this client itself stood still, for up to "
                f"{max(self.late):.1f} s: what did not come in those is not judged"
            )
        if self.faults:
            notes.append(f"{self.faults:,} connections were reset, fell silent or were read slowly by their users")
        return notes
