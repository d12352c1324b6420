"""A round in which all users stay, and ask for runs again and again, while they are moved from OLD to NEW and back.

A user has a few devices, each with a connection of its own. Whoever loses one opens another at once, and goes on; what
was under way is owed all the same, on whichever connection of the device that asked. Moves come at random moments, so
most of them in the middle of runs. Where no switch stands before the two systems, users go over themselves: each device
opens a connection to the other side, asks there from then on, and closes the old one when what it had asked for, or
begun to receive, on it is complete.

A device's connections are numbered `each` apart, so that a connection's number modulo `each` is the device (`place`).
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field

from crosstalk.model.live_history import NOT_STARTED
from crosstalk.scenarios.live.play import Means, Playing
from crosstalk.scenarios.live.program import Ask, LiveProgram, Open
from crosstalk.scenarios.live.record import Recorder
from crosstalk.targets.connection import Connection
from crosstalk.targets.live_switch import Move, SwitchFailed

AGAIN_SECONDS = 0.1
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Target:
    """Whom NEW is to serve: a share of all users, and the cohort whatever their place."""

    share: float
    cohort: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        share = f"{self.share:.0%} of the users" * bool(self.share)
        cohort = f"{len(self.cohort)} chosen" * bool(self.cohort)
        return " and ".join(filter(None, (share, cohort))) + " to NEW" if share or cohort else "everybody back to OLD"

    def chosen(self, user: int, name: str) -> bool:
        """A user's place among all others never changes."""
        return user in self.cohort or zlib.crc32(name.encode()) % 10_000 < self.share * 10_000


@dataclass(slots=True)
class Migration:
    """What is done to the users of one round, and, as it goes on, what was.

    `switch` is None where the users go over to `sides` themselves. `pause` is about how long a run takes, `patience`
    how long a user may be without a connection; after second `until` there is no further move but the last. `made` are
    the moves that succeeded, with the second and the number of runs that were under way; `failed` says why others
    did not.
    """

    targets: tuple[Target, ...]
    switch: Move | None
    sides: tuple[str, str]
    pause: float
    patience: float
    until: float
    seed: str
    made: list[tuple[float, str, int]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Staying(Playing):
    """See above."""

    def __init__(self, means: Means, users: int, each: int, recorder: Recorder, migration: Migration) -> None:
        super().__init__(means, LiveProgram(((Open(0),),) * users), recorder)
        self.each = each
        self.migration = migration
        self.random = random.Random(migration.seed)
        self.there = [asyncio.Event() for _ in range(users)]
        self.current = [list(range(each)) for _ in range(users)]
        self.side = [0] * users
        self.lost: dict[tuple[int, int], float] = {}
        self.opening: dict[tuple[int, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self.others: set[asyncio.Task[None]] = set()
        self.ready = 0
        self.all_ready = asyncio.Event()
        self.over = asyncio.Event()

    async def play(self) -> None:
        users = range(len(self.program.tracks))
        try:
            async with asyncio.TaskGroup() as tracks:
                for user in users:
                    tracks.create_task(self._stay(user))
                tracks.create_task(self._moves())
            await self._settle()
        finally:
            self.means.ending, ending = True, self.means.ending  # nobody comes back any more
            for task in self.others:
                task.cancel()
            await asyncio.gather(*self.others, return_exceptions=True)
            await self._close_all()
            self.means.ending = ending

    # ----------------------------------------------------------------------------------------- a user

    async def _stay(self, user: int) -> None:
        source = random.Random(f"{self.migration.seed} {user}")
        await asyncio.gather(*(self._come(user, place) for place in range(self.each)))
        self.ready += 1
        if self.ready == len(self.there):
            self.all_ready.set()
        while not self.over.is_set() and not self.means.ending and user not in self.exhausted:
            await self._say(user)
            if source.random() < 0.6:
                await self._await(user)
            else:
                await asyncio.sleep(source.uniform(0.1, 1.0) * self.migration.pause)
        if user not in self.exhausted:
            await self._await(user)
            await self._say(user)  # a last run when all is over: whatever happened before, this one is owed
            await self._await(user)

    async def _say(self, user: int) -> None:
        """Ask for a run, when there is a connection to ask on."""
        try:
            async with asyncio.timeout(self.migration.patience + self.means.run_seconds):
                await self.there[user].wait()
        except TimeoutError:
            self.exhausted.add(user)
            return
        round_, place = divmod(self.numbers[user], self.each)
        await self._ask(user, Ask(self.current[user][place], thread=round_ % 2))

    async def _open(self, user: int, step: Open) -> None:
        async with self.opening[user, step.device]:  # nobody opens two where one is wanted
            await super()._open(user, step)

    def _speaking(self, user: int, device: int) -> Connection | None:
        return super()._speaking(user, self.current[user][device % self.each])

    def _is_there(self, user: int, place: int) -> bool:
        connection = self.devices.get((user, self.current[user][place]))
        return connection is not None and connection.is_open

    async def _come(self, user: int, place: int) -> None:
        """Have the device connected, however often it takes."""
        while not self.means.ending:
            await self._open(user, Open(self.current[user][place]))
            if self._is_there(user, place):
                self.lost.pop((user, place), None)
                self.there[user].set()
                return
            await asyncio.sleep(AGAIN_SECONDS)

    def _url(self, user: int) -> str:
        return self.means.url if self.migration.switch is not None else self.migration.sides[self.side[user]]

    def _dropped(self, user: int, device: int) -> None:
        place = device % self.each
        if device == self.current[user][place] and not self.means.ending:
            if not any(self._is_there(user, other) for other in range(self.each)):
                self.there[user].clear()
            self.lost.setdefault((user, place), self.means.clock())
            self._beside(self._come(user, place))

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self.others.add(task)
        task.add_done_callback(self.others.discard)

    # ----------------------------------------------------------------------------------------- the moves

    async def _moves(self) -> None:
        migration, clock = self.migration, self.means.clock
        try:
            async with asyncio.timeout(self.migration.patience + self.means.run_seconds):
                await self.all_ready.wait()
            for target in migration.targets:
                if clock() > migration.until and target is not migration.targets[-1]:
                    continue
                await asyncio.sleep(self.random.uniform(0.3, 1.5) * migration.pause)
                under_way = sum(
                    self._is_owed(run) and not self.waiting[run].done() for run in range(len(self.history.runs))
                )
                began = clock()
                self.recorder.apply("note", began, -1, f"move: {target.words}")
                try:
                    await self._move(target)
                    migration.made.append((began, target.words, under_way))
                except SwitchFailed as failed:
                    self.recorder.apply("note", clock(), -1, f"the move failed: {failed}")
                    migration.failed.append(str(failed))
            await asyncio.sleep(migration.pause)
        except TimeoutError:
            migration.failed.append("not everybody could connect, so nothing was moved")
        finally:
            self.over.set()

    async def _move(self, target: Target) -> None:
        names = self.history.users
        if self.migration.switch is not None:
            await self.migration.switch(target.share, frozenset(names[user] for user in target.cohort))
            return
        for user, name in enumerate(names):
            side = int(target.chosen(user, name))
            if side != self.side[user]:
                self.side[user] = side
                for place in range(self.each):
                    self._beside(self._go_over(user, place))

    async def _go_over(self, user: int, place: int) -> None:
        """Open a connection to the other side, and close the old one when nothing more is owed on it."""
        before = self.current[user][place]
        after = before + self.each
        await self._open(user, Open(after))
        fresh = self.devices.get((user, after))
        if fresh is None or not fresh.is_open:
            return
        self.current[user][place] = after
        self.there[user].set()
        old = self.devices.pop((user, before), None)
        if old is not None:
            while old.is_open and self._owes(old.number):
                await asyncio.sleep(LOOK_SECONDS)
            await self._leave(old)

    # ----------------------------------------------------------------------------------------- what is owed

    def _is_owed(self, run: int) -> bool:
        """A run is owed wherever its user is, unless its connection was lost first: then it is asked for again."""
        known = self.history.runs[run]
        if known.status == NOT_STARTED or self.waiting[run].done():
            return False
        return known.episode < 0 or self._stands(known.episode) or self.recorder.has_begun(run, known.episode)

    def _owes(self, episode: int) -> bool:
        """Whether something that was asked for on the connection, or has begun there, may still come."""
        since = self.means.clock() - self.means.run_seconds
        begun, completed = self.recorder.has_begun, self.recorder.has_completed
        for number in self.runs_of[self.history.episodes[episode].user]:
            run = self.history.runs[number]
            asked = run.episode == episode and not self.waiting[number].done()
            here = begun(number, episode) and not completed(number, episode)
            if run.started > since and (asked or here):
                return True
        return False

    def _completed(self, run: int, episode: int) -> None:
        episodes, asked = self.history.episodes, self.history.runs[run].episode
        if asked >= 0 and (episodes[asked].device - episodes[episode].device) % self.each:
            return  # the device that asked is to see it too
        if not self.waiting[run].done():
            self.waiting[run].set_result(None)

    def _unsettled(self) -> bool:
        now = self.means.clock()
        if any(now < since + self.migration.patience for since in self.lost.values()):
            return True
        if self.means.fans_out and any(self._owes(c.number) for c in self.all if self._stands(c.number)):
            return True
        return any(
            self._is_owed(number) and now < run.started + self.means.run_seconds
            for number, run in enumerate(self.history.runs)
        )


__all__ = ["Migration", "Staying", "Target"]
