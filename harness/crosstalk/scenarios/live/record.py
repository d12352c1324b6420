"""From a frame's bytes to a delivery with an owner: the one path that every frame takes, live and in the controls.

The strongest basis found counts: a canary of somebody else anywhere in the frame, then one's own canary, a run id, a
thread id, the envelope. The run it belongs to is told by its run id, by its only canary of this round, or, failing
those, by being the only run of that user under way; where that is not clear the user's runs are not judged at all.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from crosstalk.model.canary import LENGTH
from crosstalk.model.live_history import (
    CANARY,
    ENVELOPE,
    NEVER,
    NO_BASIS,
    NO_SEQUENCE,
    NOT_STARTED,
    RUN,
    STARTED,
    THREAD,
    LiveHistory,
)
from crosstalk.model.live_records import Record, apply, delivery
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.known import Known
from crosstalk.targets.reading import Read, Reading, canaries, says_no, split

NOTHING = Reading(None, None, None, None, None)
HEARTBEATS = frozenset({b"", b"ping", b"pong", b"heartbeat", b"keepalive", b"h", b"2", b"3", b"1", b"[done]"})
EXCERPTS, UNREAD, EXCERPT_LENGTH, LONGEST = 40, 200, 400, 1 << 16


DECLINED = "the server declined it"


class Kept(NamedTuple):
    """A frame as it came."""

    episode: int
    time: float
    data: bytes


class Recorder:
    """Writes one round's history and, where there is one, the journal; `settle` when all has come.

    `completed` is called with run and connection when a run's last event arrives, `declined` with a run that the server
    says no to before any event of it has come, `first` with the user, when the run was asked for, and the seconds from
    then to its first event on a connection. `kept` holds the frames of the first `keep` users, an event each.
    """

    def __init__(
        self,
        known: Known,
        read: Read,
        history: LiveHistory,
        journal: Journal | None = None,
        redact: Callable[[str], str] = lambda text: text,
        keep: int = 0,
    ) -> None:
        self.known = known
        self.history = history
        self.completed: Callable[[int, int], None] = lambda run, episode: None
        self.declined: Callable[[int], None] = lambda run: None
        self.first: Callable[[int, float, float], None] = lambda user, asked, seconds: None
        self.kept: list[Kept] = []
        self.foreign = 0
        self.heartbeats = 0
        self._read = read
        self._journal = journal
        self._redact = redact
        self._keep = keep
        self._blamed: dict[str, list[int]] = {}
        self._waiting: dict[str, list[int]] = {}
        self._begun: set[int] = set()
        self._declined: dict[int, tuple[int, str]] = {}
        self._complete: dict[tuple[int, int], bool] = {}
        self._by_user: dict[int, list[int]] = defaultdict(list)
        self._indexed = 0
        self._streamed: dict[tuple[int, str], str] = {}
        self._taken: dict[str, set[int]] = defaultdict(set)
        self._types = {name: number for number, name in enumerate(history.types)}
        self._alphabet = history.grammar.alphabet
        self._finals = history.grammar.finals
        if journal is not None:
            journal.write(("round", history.number, history.users, history.grammar.expression))

    def apply(self, *record: object) -> None:
        """Write one record other than a delivery."""
        apply(self.history, record)
        if self._journal is not None:
            self._journal.write(record)

    def receive(self, episode: int, time: float, data: bytes) -> None:
        """Take in a frame that arrived on `episode`."""
        readings = self._read(data)
        if readings is not None and len(readings) > 1:
            for piece in split(data):
                self.receive(episode, time, piece)
            return
        if self._keep and self.history.episodes[episode].user < self._keep:
            self.kept.append(Kept(episode, time, data))
        if readings is None:
            self._unread(episode, time, data)
        else:
            self._one(episode, time, readings[0], data)

    def _one(self, episode: int, time: float, reading: Reading, data: bytes) -> None:
        history, known = self.history, self.known
        user = history.episodes[episode].user
        kind, run_id, thread, sequence = reading.type, reading.run, reading.thread, reading.sequence
        owner = run = -1
        basis = NO_BASIS
        own = 0
        learned = waits_for = ""
        strange = b""
        earlier = False  # it is of another round, which a system with a memory may show again
        tokens = canaries(data)
        if reading.text:
            tokens = list(dict.fromkeys(tokens + self._completed_by(reading.text, episode, run_id or "")))
        for token in tokens:
            whose, round_, number = known.proven(token)
            if whose < 0:
                self.foreign += 1
                continue
            basis = CANARY
            if whose != user:
                owner, run = whose, -1
                strange = token
                break
            owner = user
            if round_ == history.number:
                own += 1
                run = number
            else:
                earlier = True
        if own > 1 and owner == user:
            run = -1  # one of them is quoted; only an id can tell which
        if run_id is not None and (owner < 0 or owner == user):
            told = known.runs.get(run_id)
            if told is None:
                if known.unique(run_id):
                    if run >= 0:
                        known.learn(run_id, user, history.number, run)
                        learned = run_id
                    else:
                        waits_for = run_id
            elif told[0] != user:
                if run_id in known.learned and own:
                    self._share(run_id)
                else:
                    owner, run, basis = told[0], -1, RUN
                    if run_id in known.learned:
                        self._blamed.setdefault(run_id, []).append(history.deliveries)
            elif run_id in known.learned and own == 1 and run != told[2]:
                self._share(run_id)  # two runs of this user have it: it is no run's id
            else:
                owner = user
                earlier = told[1] != history.number
                run = -1 if earlier else told[2]
                basis = basis or RUN
                self._tells(kind)
        if owner < 0 and thread is not None:
            owner = known.threads.get(thread, -1)
            basis = THREAD if owner >= 0 else NO_BASIS
        named = -1 if reading.owner is None else known.names.get(reading.owner, -1)
        of_a_run = kind in self._alphabet
        if owner < 0 <= named and of_a_run:
            owner, basis = named, ENVELOPE
        if of_a_run and run < 0 and owner in (user, -1) and not earlier:
            if waits_for:
                self._waiting.setdefault(waits_for, []).append(history.deliveries)
            elif owner == user:
                run = self._only_run(user, episode, time)
            else:
                run = self._presumed(user, episode, time, kind)
            if run < 0 and not waits_for:
                self._unclear(user)
        type_ = self._types.get(kind or "")
        if type_ is None:
            type_ = self._new_type(kind or "")
        number_ = NO_SEQUENCE if sequence is None else max(-(1 << 61), min(sequence, 1 << 61))
        delivery(history, time, episode, run, owner, named, basis, type_, number_)
        if self._journal is not None:
            self._journal.write(("d", time, episode, run, owner, named, basis, type_, number_))
        if (0 <= owner != user) or (named >= 0 and named != user and owner == user):
            self._excerpt(data, strange)
        if of_a_run and run >= 0:
            self._has_begun(run, time)
        elif not of_a_run and owner in (user, -1) and not earlier:
            self._listen(episode, run, time, kind or "", data)
        if run >= 0:
            self._progress(run, episode, time, kind)
        if learned:
            self._learned(learned, run, user)

    def _completed_by(self, text: str, episode: int, run_id: str) -> list[bytes]:
        """The canaries that end in this piece of what is streamed on a connection, each run by itself."""
        whole = (self._streamed.get((episode, run_id), "") + text).encode()
        self._streamed[episode, run_id] = whole[1 - LENGTH :].decode("utf-8", "replace")
        return canaries(whole)

    def _progress(self, run: int, episode: int, time: float, kind: str | None) -> None:
        place = (run, episode)
        if place not in self._complete:
            self._complete[place] = False
            asked, known = self.history.runs[run], self.history.episodes[episode]
            if known.connected < asked.started and known.excused > time:
                self.first(asked.user, asked.started, time - asked.started)
        if kind in self._finals and not self._complete[place]:
            self._complete[place] = True
            if time < self.history.runs[run].completed:
                self.apply("completed", run, time)
            self.completed(run, episode)

    def _listen(self, episode: int, run: int, time: float, kind: str, data: bytes) -> None:
        """Whether the server says no to what it was asked for on `episode`, or to `run` where that is told."""
        said = says_no(kind, data)
        if said:
            self._decline(episode, run, time, f"{DECLINED}: {said}")

    def _decline(self, episode: int, run: int, time: float, why: str) -> None:
        """Without a run it is the last one that was asked for on `episode` and of which no event has come."""
        runs = self.history.runs
        if run < 0:
            mine = reversed(self._runs_of(self.history.episodes[episode].user))
            run = next((n for n in mine if runs[n].episode == episode and self._may_be_declined(n)), -1)
        if run >= 0 and self._may_be_declined(run):
            self._declined[run] = episode, why
            self.apply("asked", run, time, NOT_STARTED, why)
            self.declined(run)

    def _may_be_declined(self, run: int) -> bool:
        return run not in self._begun and self.history.runs[run].status != NOT_STARTED

    def _has_begun(self, run: int, time: float) -> None:
        """An event of the run has come; if it was held to be declined, another one is."""
        if run in self._begun:
            return
        self._begun.add(run)
        if run in self._declined:
            episode, why = self._declined.pop(run)
            self.apply("asked", run, time, STARTED, "")
            self._decline(episode, -1, time, why)

    def _only_run(self, user: int, episode: int, time: float) -> int:
        """The run that an event on `episode` may be of, -1 unless just one is under way, or not yet complete there."""
        found = -1
        for number in self._runs_of(user):
            run = self.history.runs[number]
            under_way = run.started <= time and run.completed == NEVER and run.status != NOT_STARTED
            if under_way or self._complete.get((number, episode)) is False:
                if found >= 0:
                    return -1
                found = number
        return found

    def _presumed(self, user: int, episode: int, time: float, kind: str | None) -> int:
        """The run that an event which tells nothing is taken for; -1 where it may be of another one.

        It is the last that the user asked for, on no other connection, and all that was asked for before has been
        completed on this one: then nothing else is owed to it.
        """
        runs = self.history.runs
        *before, run = [n for n in self._runs_of(user) if runs[n].started <= time] or [-1]
        if run < 0 or user in self.known.unfinished or kind in self.known.telling:
            return -1
        if runs[run].status == NOT_STARTED or runs[run].episode not in (-1, episode):
            return -1
        if not all(self.has_completed(number, episode) for number in before):
            return -1
        self._taken[kind or ""].add(user)
        return run

    def _tells(self, kind: str | None) -> None:
        """Events of this type tell their run by an id: one that does not is of no run that it could be taken for."""
        if kind is not None and kind not in self.known.telling:
            self.known.telling.add(kind)
            for user in self._taken.pop(kind, ()):
                self._unclear(user)

    def _unclear(self, user: int) -> None:
        """An agent event came to `user` that can't be laid to one of its runs: none of them can be judged."""
        history = self.history
        if user not in history.unclear and any(history.runs[n].status != NOT_STARTED for n in self._runs_of(user)):
            self.apply("unclear", user)

    def _runs_of(self, user: int) -> list[int]:
        """The numbers of the runs that `user` has asked for."""
        runs, known = self.history.runs, self._by_user
        for number in range(self._indexed, len(runs)):
            known[runs[number].user].append(number)
        self._indexed = len(runs)
        return known[user]

    def _learned(self, run_id: str, run: int, owner: int) -> None:
        """An id of the server's is known now: so is whose the events were that came with it before."""
        history = self.history
        for row in self._waiting.pop(run_id, ()):
            self.apply("traced", row, run, owner)
            if history.episodes[history.at_episode[row]].user != owner:
                self._blamed.setdefault(run_id, []).append(row)
            if history.at_run[row] == run:
                episode, kind = history.at_episode[row], history.types[history.at_type[row]]
                self._progress(run, episode, history.at_time[row], kind)

    def _share(self, run_id: str) -> None:
        """The server gives this id to several: who was blamed by it was blamed wrongly, and no run is told by it."""
        self.known.share(run_id)
        for run in self.history.runs:
            self._unclear(run.user)
        for row in self._blamed.pop(run_id, ()):
            self.apply("withdrawn", row)

    def has_begun(self, run: int, episode: int) -> bool:
        """Whether anything of `run` has arrived on `episode`."""
        return (run, episode) in self._complete

    def has_completed(self, run: int, episode: int) -> bool:
        """Whether the last event of `run` has arrived on `episode`."""
        return self._complete.get((run, episode), False)

    def settle(self) -> None:
        """The round is over: what still waits for its id to be known will not be known."""
        for rows in self._waiting.values():
            for row in rows:
                self._unclear(self.history.episodes[self.history.at_episode[row]].user)
        self._waiting.clear()

    def _new_type(self, kind: str) -> int:
        if len(self._types) > 1_000:
            return 0  # a server that invents types without end is not helped by a list of them
        number = self._types[kind] = len(self.history.types)
        self.apply("type", self._redact(kind)[:80])
        return number

    def _unread(self, episode: int, time: float, data: bytes) -> None:
        if data.strip().lower() in HEARTBEATS:
            self.heartbeats += 1
        elif canaries(data):
            self._one(episode, time, NOTHING, data)
        elif len(self.history.unread) < UNREAD:
            self.apply("unread", time, episode, self._shown(data)[:80])

    def _excerpt(self, data: bytes, strange: bytes) -> None:
        if len(self.history.excerpts) < EXCERPTS:
            self.apply("excerpt", self.history.deliveries - 1, self._shown(data, strange.decode()))

    def _shown(self, data: bytes, strange: str = "") -> str:
        """Some of `data` without secrets: its beginning, or what is around `strange`."""
        text = self._redact(data[:LONGEST].decode("utf-8", "replace"))
        if len(text) <= EXCERPT_LENGTH:
            return text
        at = max(0, text.lower().find(strange) - EXCERPT_LENGTH // 2) if strange else 0
        begun = "…" if at else ""
        return f"{begun}{text[at : at + EXCERPT_LENGTH]}… ({len(data):,} bytes)"


def again(recorder: Recorder, frames: Iterable[Kept]) -> Recorder:
    """The same round with other `frames`: the users did the same, and only what arrived differs."""
    before = recorder.history
    history = LiveHistory(
        before.users,
        before.number,
        before.grammar,
        [copy.copy(run) for run in before.runs],
        [copy.copy(episode) for episode in before.episodes],
        final_quiet=before.final_quiet,
        late=before.late,
    )
    for run in history.runs:
        run.completed = NEVER
        if run.why.startswith(DECLINED):
            run.status, run.why = STARTED, ""
    for episode in history.episodes:
        episode.first_event = NEVER
    made = Recorder(recorder.known, recorder._read, history, redact=recorder._redact)
    for frame in frames:
        made.receive(*frame)
    made.settle()
    return made


__all__ = ["Kept", "Record", "Recorder", "again"]
