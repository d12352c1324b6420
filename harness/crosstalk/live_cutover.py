"""A migration rehearsed on two live systems: users go on asking while they are moved from OLD to NEW, and back.

First both sides are asked alone, without a move, so that what they do anyway is not held against the migration, and it
is known how long a run takes. Then come rounds of moves: a cohort, a quarter, half, all of the users, and back again.
Each round is judged when it is quiet: what each user got over all its connections (`carried`), whether any of it was
another's, and how long it was without a connection (`down_time`).
"""

from __future__ import annotations

import asyncio
import copy
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from crosstalk.auth.redaction import Redactor
from crosstalk.checks.live import carried, down_time, isolation, ownership, protocol, sequence
from crosstalk.checks.result import Result
from crosstalk.controls.live import LIVE_SABOTAGE
from crosstalk.live import Plan, loop_factory, settings
from crosstalk.live_examination import KEPT_USERS, Examining, LiveSettings
from crosstalk.model.history import Violation
from crosstalk.model.live_history import NEVER, LiveHistory
from crosstalk.model.migration import Cutover, Loss
from crosstalk.model.verdict import Control, FoundViolation, Outcome, Schedule, judge, worst
from crosstalk.reporting.live_timeline import live_timeline
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.play import Playing
from crosstalk.scenarios.live.program import AnyStep, Ask, Await, LiveProgram, Open
from crosstalk.scenarios.live.record import Recorder
from crosstalk.scenarios.live.staying import Migration, Staying, Target
from crosstalk.targets.live_switch import Move

SHORTEST_PAUSE = 0.05
SEVERAL = 3
"""Users in the cohort, at most."""
_SABOTAGE = {"golden_path": "carried"}
"""What spoils a run on one connection spoils it on all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is moved: from `old` to `new`, by `switch` where users reach both `through` one address, else by themselves.

    `limit` is how long a user may be without a connection, in seconds; `shown` is the switch as it was given.
    """

    old: str
    new: str
    through: str = ""
    switch: Move | None = None
    shown: str = "drain"
    limit: float = 3.0


def cut_over_live(planned: Plan, wanted: Wanted) -> Cutover:
    """Rehearse for as long as the profile says. Raises Unreachable."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(rehearse(planned, wanted))


async def rehearse(planned: Plan, wanted: Wanted) -> Cutover:
    """The same in a loop that runs."""
    return await _Cutting(settings(planned), Redactor(planned.log_in.secrets), wanted).result()


class _Cutting(Examining):
    """The state of one rehearsal."""

    def __init__(self, settings: LiveSettings, redactor: Redactor, wanted: Wanted) -> None:
        super().__init__(settings, redactor, None)
        self.wanted = wanted
        self.checks: dict[str, Callable[[LiveHistory], Result]] = {
            "isolation": isolation.check,
            "ownership": ownership.check,
            "carried": lambda history: carried.check(history, self.devices, settings.fan_out == "all"),
            "down_time": lambda history: down_time.check(history, wanted.limit, self.devices),
            "duplicate": sequence.duplicate,
            "order": sequence.order,
            "protocol": protocol.check,
        }
        self.opportunities = dict.fromkeys(self.checks, 0)
        self.losses: dict[tuple[str, str], Loss] = {}
        self.alone: dict[tuple[str, str], str] = {}
        self.controls: list[Control] = []
        self.down: dict[str, float] = {}
        self.device_down = (0.0, "")
        self.stood_still = 0.0
        self.worst: tuple[float, str] = (0.0, "")
        self.points = self.moves = self.round = 0
        self.failed: Counter[str] = Counter()
        self.pause = 0.3  # until it is known

    async def result(self) -> Cutover:
        began = time.monotonic()
        await self.examine()
        return self._cutover(round(time.monotonic() - began, 3))

    async def rounds(self, journal: Journal | None) -> None:
        for side in dict.fromkeys((self.wanted.old, self.wanted.new)):
            await self.first_connection(side)
        for name, url in (("OLD", self.wanted.old), ("NEW", self.wanted.new)):
            await self._several(url)
            await self._alone(name, url)
        longest = 0.0
        while self.clock() + longest < self.settings.seconds or not self.points:
            longest = max(longest, await self._moved())

    async def _several(self, url: str) -> None:
        """Whether this side lets a user have several connections; a few users try."""
        if self.devices == 1:
            return
        steps: tuple[AnyStep, ...] = (*(Open(device) for device in range(self.devices)), Ask(0), Await())
        recorder = self._recorder(0)
        before, self.means.url = self.means.url, url
        await Playing(self.means, LiveProgram((steps,) * min(SEVERAL, len(self.settings.users))), recorder).play()
        self.means.url, self.means.fans_out = before, self.settings.fan_out == "all"
        self._one_connection_each(recorder)

    async def _alone(self, name: str, url: str) -> None:
        """What one side does without a move, and how long its runs take."""
        before, self.means.url = self.means.url, url
        migration = self._migration(f"{self.settings.seed} {name}", (), None, (url, url))
        history = (await self._played(migration, 0)).history
        self.means.url = before
        took = [run.completed - run.started for run in history.runs if run.completed != NEVER]
        if took:
            self.pause = max(SHORTEST_PAUSE, statistics.median(took))
        for check, judged in self._judged(history).items():
            for violation in judged.violations:
                if self.alone.setdefault((check, violation.cause), name) == name:
                    self._take(history, violation, name, "without any move")

    async def _moved(self) -> float:
        """A round of moves, judged; how long it took."""
        began = self.clock()
        cohort = tuple(range(min(SEVERAL, max(1, len(self.settings.users) // 4))))
        shares = (Target(0, cohort), Target(0.25, cohort), Target(0.5), Target(1), Target(0.5), Target(0))
        sides = (self.wanted.old, self.wanted.new)
        migration = self._migration(f"{self.settings.seed} {self.round}", shares, self.wanted.switch, sides)
        self.points += len(shares)
        recorder = await self._played(migration, 0 if self.controls else KEPT_USERS)
        history = recorder.history
        self.moves += len(migration.made)
        self.tally.runs += sum(under_way for _, _, under_way in migration.made)
        self.failed.update(migration.failed)
        if not self.controls:
            self._control(recorder)
        for check, result in self._judged(history).items():
            self.opportunities[check] += result.opportunities
            for violation in result.violations:
                self._take(history, violation, "migration", _point(migration, _moment(history, violation, migration)))
        for user, spans in down_time.spans(history).items():
            for since, until in spans:
                name = history.users[user]
                self.down[name] = max(self.down.get(name, 0.0), until - since)
                if until - since > self.worst[0]:
                    self.worst = (until - since, _point(migration, since))
            self.down.setdefault(history.users[user], 0.0)
        for (user, _), spans in down_time.of_devices(history, self.devices).items():
            for since, until in spans:
                self.device_down = max(self.device_down, (until - since, history.users[user]))
        return self.clock() - began

    def _judged(self, history: LiveHistory) -> dict[str, Result]:
        """What each check says; where this client itself stood still, nothing is said of what did not come in time."""
        if history.late:
            self.stood_still = max(self.stood_still, history.late)
        waits = ("carried", "down_time") if history.late else ()
        return {check: judged(history) for check, judged in self.checks.items() if check not in waits}

    def _migration(
        self, seed: str, targets: tuple[Target, ...], switch: Move | None, sides: tuple[str, str]
    ) -> Migration:
        until = max(self.settings.seconds, self.clock() + len(targets) * self.pause)
        return Migration(targets, switch, sides, self.pause, self.wanted.limit, until, seed)

    async def _played(self, migration: Migration, keep: int) -> Recorder:
        recorder = self._recorder(keep)
        staying = Staying(self.means, len(self.settings.users), self.devices, recorder, migration)
        await self._watched(staying, min(self.settings.run_seconds, self.wanted.limit))
        return recorder

    def _recorder(self, keep: int) -> Recorder:
        """What takes the next round down."""
        history = LiveHistory(self.settings.users, self.round, self.settings.grammar)
        self.recorder = Recorder(self.known, self.read, history, None, self.redactor.text, keep=keep)
        self.known.forget(self.round)
        self.round += 1
        return self.recorder

    def _judge_interrupted(self) -> None:
        """A round that was not played to its end is not judged."""

    def _take(self, history: LiveHistory, violation: Violation, whose: str, point: str) -> None:
        key = (violation.check, violation.cause)
        if key in self.losses:
            return
        found = FoundViolation(
            self.redactor.text(violation.message),
            violation.users,
            "",
            Schedule("live", 0),
            self.redactor.text(live_timeline(history, violation)),
            violation.cause,
        )
        self.losses[key] = Loss(violation.check, self.alone.get(key, whose), point, found)

    def _again(self) -> tuple[str, ...]:
        """What the command must be given again, apart from how users log in."""
        through = ("--through", self.wanted.through.partition("?")[0]) if self.wanted.through else ()
        users = ("--users", str(len(self.settings.users)), "--devices", str(self.settings.devices))
        return (*through, *users, "--seed", str(self.settings.seed), "--down-time", f"{self.wanted.limit:g}")

    def _control(self, recorder: Recorder) -> None:
        """Each check against its own sabotage, on what was received while users were moved."""
        frames = tuple(recorder.kept)
        recorder.kept.clear()
        for name, sabotage in LIVE_SABOTAGE:
            check = _SABOTAGE.get(name, name)
            falsified = sabotage(recorder, frames) if check in self.checks else None
            if falsified is not None:
                before = len(self.checks[check](recorder.history).violations)
                caught = len(self.checks[check](falsified).violations) > before
                self.controls.append(Control(check, sabotage.__name__, caught))
        gone = _gone(recorder.history, self.wanted.limit)
        if gone is not None:
            self.controls.append(Control("down_time", "gone", bool(self.checks["down_time"](gone).violations)))

    def _cutover(self, seconds: float) -> Cutover:
        losses = tuple(sorted(self.losses.values(), key=lambda loss: list(self.checks).index(loss.check)))
        counted = [loss for loss in losses if loss.whose != "OLD"]
        notes = list(self.tally.notes)
        notes += [
            f"OLD alone breaks {loss.check}: not held against the migration" for loss in losses if loss.whose == "OLD"
        ]
        notes += [f"{count} moves failed: {self.redactor.text(why)}" for why, count in self.failed.most_common(3)]
        outcomes: list[Outcome] = []
        for check in self.checks:
            known = [control.caught for control in self.controls if control.check == check]
            apart = check in ("duplicate", "order", "ownership") and not self.opportunities[check]
            outcome, reason = judge(
                self.opportunities[check],
                sum(loss.check == check for loss in counted),
                all(known) if known else None,
                inapplicable="nothing in the events says so" if apart else "",
            )
            if outcome == "unknown":
                notes.append(f"{check}: {reason}")
            outcomes.append(outcome)
        if self.stood_still:
            notes.append(
                f"this client itself stood still for {self.stood_still:.1f} s: what did not come then is not judged"
            )
        if not self.moves:
            notes.append("nothing was ever moved")
        elif not self.tally.runs:
            notes.append("no run was under way at any move")
        if self.wanted.switch is not None:
            notes.append("that users are served by the other side after a move is the switch's word alone")
        if self.tally.interrupted or not self.moves or not self.tally.runs or self.failed:
            outcomes.append("unknown")
        notes.append(
            f"down-time: from the loss of a user's connection, or a message lost with it, to the next one; "
            f"at most {self.wanted.limit:g} s"
        )
        if self.device_down[0]:
            seconds, name = self.device_down
            notes.append(f"a single device was without a connection for at most {seconds:.3f} s ({name})")
        return Cutover(
            worst(outcomes),
            self.wanted.old.partition("?")[0],
            self.wanted.new.partition("?")[0],
            self.wanted.shown,
            self.settings.seed,
            losses,
            self.opportunities,
            tuple(self.controls),
            self.points,
            self.round,
            self.moves,
            {user: round(down, 3) for user, down in sorted(self.down.items())},
            f"{self.worst[0]:.3f} s {self.worst[1]}" if self.worst[0] else "",
            seconds,
            tuple(dict.fromkeys(notes)),
            self._again(),
            interrupted=self.tally.interrupted,
            live=True,
        )


def _moment(history: LiveHistory, violation: Violation, migration: Migration) -> float:
    """When it happened: as the delivery meant came; of a run that breaks off, as its connection was lost after that; of
    one of which nothing came, as it was asked for, or with the move while it was to come.
    """
    if violation.send < 0 <= violation.run:
        asked = history.runs[violation.run].started
        return next((time for time, _, _ in migration.made if asked < time < asked + migration.pause), asked)
    if violation.send < 0:
        return history.final_quiet
    at = history.at_time[violation.send]
    if violation.check in ("carried", "down_time"):
        losses = (e.left for e in history.episodes if e.lost_by and history.users[e.user] in violation.users)
        return min((left for left in losses if left >= at), default=at)
    return at


def _point(migration: Migration, at: float) -> str:
    """Which move came before second `at`."""
    before = [(time, words) for time, words, _ in migration.made if time <= at]
    return f"{at - before[-1][0]:.3f} s after moving {before[-1][1]}" if before else "before any move"


def _gone(history: LiveHistory, limit: float) -> LiveHistory | None:
    """Sabotage: one user's connections were lost, longer ago than `limit`, and no other came."""
    made = copy.deepcopy(history)
    mine = [episode for episode in made.episodes if episode.user == 0 and episode.connected != NEVER]
    for episode in mine:
        episode.connected = min(episode.connected, made.final_quiet - limit - 2)
        episode.left, episode.lost_by = made.final_quiet - limit - 1, "network"
    return made if mine else None
