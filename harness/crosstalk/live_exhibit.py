"""What a violation of a live run is shown with: the last moments of the users concerned, up to what was wrong.

A live run has no smallest program that replays, so the scene is cut out of what happened: of the users concerned the
moments before the wrong one, and, however long ago they were, the asking for the run that it is about and the opening
of the connection. All texts in it are redacted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from crosstalk.model.history import Violation
from crosstalk.model.live_history import NEVER, NOT_STARTED, LiveEpisode, LiveHistory
from crosstalk.model.scene import Act, Arrival, Connection, Culprit, Ending, Exhibit, Remark, Scene

MOMENTS = 36
"""So many calls and arrivals are kept, the latest."""


def live_exhibit(history: LiveHistory, violation: Violation, redact: Callable[[str], str]) -> Exhibit | None:
    """The exhibit of what `violation` says of a round; None where no single moment shows it."""
    numbers = {user: number for number, user in enumerate(history.users)}
    users = [numbers[user] for user in violation.users if user in numbers]
    until = _until(history, violation)
    if not users or until is None:
        return None
    return Exhibit(_Cut(history, violation, tuple(dict.fromkeys(users)), until, redact).scene())


def _until(history: LiveHistory, violation: Violation) -> float | None:
    """The second at which it was wrong: that of the wrong delivery, or when what was due was still missing."""
    if violation.send >= 0:
        return history.at_time[violation.send]
    if violation.run >= 0:
        completed = history.runs[violation.run].completed
        late = completed if violation.check == "blocking" else history.final_quiet
        return late if late != NEVER else max(history.at_time, default=0.0)
    return history.episodes[violation.episode].left if violation.episode >= 0 else None


@dataclass(slots=True)
class _Cut:
    """The part of a round that is shown, with numbers of its own."""

    history: LiveHistory
    violation: Violation
    users: tuple[int, ...]
    until: float
    redact: Callable[[str], str]
    episodes: dict[int, int] = field(default_factory=dict)
    runs: dict[int, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def scene(self) -> Scene:
        history, violation = self.history, self.violation
        mine = {number for number, episode in enumerate(history.episodes) if episode.user in self.users}
        places = zip(history.at_episode, history.at_time, history.at_owner, strict=True)
        rows = [
            row
            for row, (episode, time, owner) in enumerate(places)
            if episode in mine
            and (owner < 0 or owner in self.users)  # of a third one's, each would look like this one
            and (row <= violation.send if violation.send >= 0 else time <= self.until)
            and (time < history.episodes[episode].released or row == violation.send)  # what had piled up says nothing
        ]
        asked = [n for n, run in enumerate(history.runs) if run.user in self.users and run.started <= self.until]
        coming = [n for n in mine if history.episodes[n].connecting <= self.until]
        began = [history.at_time[row] for row in rows]
        began += [history.runs[number].started for number in asked]
        began += [history.episodes[number].connecting for number in coming]
        start = sorted(began)[-MOMENTS:][0]
        place, run = violation.episode, violation.run
        if violation.send >= 0:
            place, run = history.at_episode[violation.send], history.at_run[violation.send]
        rows = [row for row in rows if history.at_time[row] >= start]
        wanted_runs = {run, *{history.runs[number].user: number for number in asked}.values()}  # and each user's latest
        asked = [number for number in asked if history.runs[number].started >= start or number in wanted_runs]
        mentioned = {history.at_run[row] for row in rows} - {-1}
        self.runs = {number: at for at, number in enumerate(sorted(mentioned | set(asked)))}
        wanted = (
            {history.at_episode[row] for row in rows} | {history.runs[number].episode for number in asked} | {place}
        )
        coming = [n for n in coming if n in wanted or max(history.episodes[n].connecting, self._end(n)) >= start]
        self.episodes = {number: at for at, number in enumerate(sorted(coming))}
        remarks = self._remarks(start)
        self._count(rows, asked, coming, remarks)
        acts = [self._act(number) for number in asked]
        acts += [act for n in coming for act in self._coming_and_going(n, start, n == place)]
        ordered = tuple(sorted(acts, key=lambda act: act.started))
        return Scene(
            tuple(history.users[user] for user in self.users),
            tuple(self._connection(number) for number in self.episodes),
            ordered,
            tuple(self._arrival(row) for row in rows),
            tuple(Remark(self._at(time), text) for time, text in remarks),
            self._culprit(ordered, rows, run, place),
            len(began) - len(rows) - len(asked) - len(coming),
            tuple(self._user(history.runs[number].user) for number in self.runs),
            tuple(round(time, 3) for time in self.times),
            tuple(history.runs[number].number for number in self.runs),
            len(history.users) - len(self.users),
        )

    def _user(self, number: int) -> int:
        """The number of a user of the round in the scene."""
        return {user: at for at, user in enumerate(self.users)}[number]

    # -- time --------------------------------------------------------------------------------------------------

    def _count(self, rows: list[int], asked: list[int], coming: list[int], remarks: list[tuple[float, str]]) -> None:
        """Number the moments."""
        history = self.history
        times = {history.at_time[row] for row in rows} | {time for time, _ in remarks} | {self.until}
        for number in asked:
            run = history.runs[number]
            times |= {run.started, run.returned if run.status == NOT_STARTED else run.completed}
        for number in coming:
            episode = history.episodes[number]
            times |= {episode.connecting, episode.connected, episode.leaving, episode.left, episode.excused}
        self.times = sorted(time for time in times if time <= self.until)

    def _at(self, time: float) -> int:
        """The number of a moment; -1 for what had not happened by then."""
        return bisect_left(self.times, time) if time <= self.until else -1

    def _end(self, episode: int) -> float:
        return min(self.history.episodes[episode].left, self.until)

    # -- what was there ----------------------------------------------------------------------------------------

    def _device(self, episode: LiveEpisode) -> str:
        return f"{self.history.users[episode.user]}/{episode.device}"

    def _connection(self, number: int) -> Connection:
        episode = self.history.episodes[number]
        times = (episode.connecting, episode.connected, episode.leaving, episode.left, episode.excused)
        return Connection(self._user(episode.user), self._device(episode), number, *map(self._at, times))

    def _act(self, number: int) -> Act:
        run = self.history.runs[number]
        failed = run.status == NOT_STARTED
        returned = self._at(run.returned if failed else run.completed)
        ending: Ending = "pending" if returned < 0 else "raised" if failed else "ok"
        place, said = self.episodes.get(run.episode, -1), self.redact(run.why)
        user = self._user(run.user)
        return Act("ask", user, self._at(run.started), returned, ending, place, self.runs[number], said=said)

    def _coming_and_going(self, number: int, start: float, wanted: bool) -> list[Act]:
        episode, place = self.history.episodes[number], self.episodes[number]
        user = self._user(episode.user)
        acts = []
        if episode.connecting >= start or wanted:
            failed = episode.connected == NEVER and bool(episode.failed)
            ended = self._at(episode.left if failed else episode.connected)
            ending: Ending = "raised" if failed else "ok"
            said = self.redact(episode.failed)
            acts.append(
                Act(
                    "connect",
                    user,
                    self._at(episode.connecting),
                    ended,
                    ending if ended >= 0 else "pending",
                    place,
                    said=said,
                )
            )
        if episode.lost and start <= episode.left <= self.until:
            acts.append(
                Act(
                    "lose",
                    user,
                    self._at(episode.left),
                    self._at(episode.left),
                    "ok",
                    place,
                    said=self.redact(episode.lost),
                )
            )
        elif episode.connected != NEVER and start <= episode.leaving <= self.until:
            left = self._at(episode.left)
            acts.append(
                Act("disconnect", user, self._at(episode.leaving), left, "ok" if left >= 0 else "pending", place)
            )
        return acts

    def _arrival(self, row: int) -> Arrival:
        history = self.history
        number = history.at_episode[row]
        user, owner, run = history.episodes[number].user, history.at_owner[row], history.at_run[row]
        at, place = self._at(history.at_time[row]), self.episodes[number]
        events = (self.runs[run],) if run >= 0 else ()
        foreign = self._user(owner) if owner not in (user, -1) else -1
        type_, excerpt = self.redact(history.types[history.at_type[row]]), history.excerpts.get(row, "")
        return Arrival(place, at, at, "ok", events, (), foreign, type_, excerpt)

    def _remarks(self, start: float) -> list[tuple[float, str]]:
        told = []
        for number in self.episodes:
            episode = self.history.episodes[number]
            device = self._device(episode)
            since = 0.0 if number == self.violation.episode else start
            held = (episode.held, f"{device} stops reading"), (episode.released, f"{device} reads on")
            told += [(time, text) for time, text in held if time >= since]
            if not episode.lost and episode.held == NEVER and episode.excused >= start:
                told.append((episode.excused, f"{device}: {self.redact(episode.why)}"))
        return sorted((time, text) for time, text in told if time <= self.until)

    def _culprit(self, acts: tuple[Act, ...], rows: list[int], run: int, place: int) -> Culprit:
        at, here = self._at(self.until), self.episodes.get(place, -1)
        if self.violation.send >= 0:
            return Culprit("arrival", at, {row: n for n, row in enumerate(rows)}[self.violation.send], here)
        if run >= 0:
            ask = {act.event: n for n, act in enumerate(acts) if act.kind == "ask"}[self.runs[run]]
            return Culprit("act", at, ask) if self.violation.check == "blocking" else Culprit("missing", at, ask, here)
        lost = next((n for n, act in enumerate(acts) if act.kind == "lose" and act.connection == here), -1)
        return Culprit("act", at, lost) if lost >= 0 else Culprit("end", at)
