"""What a violation is shown with: its scene, the line that sent the frame, and the nearest run that keeps the rule.

Made once for each minimal counterexample, by playing it again under a witness. The nearest passing run is looked for
among the schedules that differ in one decision, then in two, then in three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crosstalk.checks import CHECKS
from crosstalk.checks.owed import owed
from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, NEVER, Call, History, Violation
from crosstalk.model.scene import (
    Act,
    Arrival,
    Connection,
    Culprit,
    Decision,
    Ending,
    Exhibit,
    Place,
    Remark,
    Scene,
)
from crosstalk.scenarios.program import Census, Collect, Program
from crosstalk.scenarios.witness import Seen, Watched, Witness
from crosstalk.scenarios.words import program_lines
from crosstalk.schedule.loop import Gates, Strategy
from crosstalk.schedule.strategies.replay import Replay

if TYPE_CHECKING:
    from crosstalk.examination import Examination

RECORDS = 400
"""A scene holds at most so many acts and arrivals: those of the users concerned first, and the latest."""
PAYLOAD = 400
AROUND = 4
"""So many lines of code before and after the one to look at."""
FARTHEST, DECISIONS = 3, 10_000
"""How many decisions the nearest passing run may take otherwise, and how many are played to find it."""
COLLECTION = 200
"""A garbage collection takes as long as so many decisions, or longer where much is kept of the runs before."""
_WHERE = re.compile(r"([^:]+):(\d+) in (.+)")
_RUN = re.compile(r"run (\d+) of ")
_ENDING: dict[int, Ending] = {ACCEPTED: "ok", FAILED: "raised", CANCELLED: "cancelled"}


def exhibit(
    examination: Examination,
    check: str,
    cause: str,
    program: Program,
    tape: tuple[int, ...],
    played: tuple[Witness, History] | None = None,
) -> Exhibit | None:
    """The exhibit of a counterexample, or None when it does not replay. `played` is its witnessed run, if it was."""
    witness, history = played or witnessed(examination, program, tape)
    violation = first(history, check, cause)
    if violation is None:
        return None
    scene = scene_of(history, violation, witness.places)
    place = _culprit_place(scene, witness, examination.target)
    made = Exhibit(scene, program_lines(program), tape, place=place, code=_code_at(place))
    if cause.startswith(("growth", "kept the thread")):
        return made
    near = nearest(examination, check, program, tape)
    made = msgspec.structs.replace(made, tried=near.tried, within=near.within)
    if near.tape is None:
        return made
    passing_witness, passing = witnessed(examination, program, near.tape)
    return msgspec.structs.replace(
        made,
        passing=scene_of(passing, None, passing_witness.places, violation.users),
        decisions=tuple(_decisions(examination, program, tape, near)),
        still_broken=near.broken,
    )


def _decisions(examination: Examination, program: Program, tape: tuple[int, ...], near: Nearest) -> Iterator[Decision]:
    """The decisions taken otherwise: each as it stood when those before it had been."""
    assert near.tape is not None
    for number in near.changed:
        witness, _ = witnessed(examination, program, (*near.tape[:number], *tape[number:]))
        seen = witness.decisions[number]
        choices = _chosen(seen, seen.choice), _chosen(seen, near.tape[number])
        yield Decision(number, seen.time, seen.open, *choices)


def _code_at(place: Place | None) -> tuple[tuple[int, str], ...]:
    """The line of `place` and those around it, of a file in this folder."""
    if place is None or place.path.startswith("..."):
        return ()
    try:
        lines = Path(place.path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    first_, last = max(1, place.line - AROUND), min(len(lines), place.line + AROUND)
    return tuple((number, lines[number - 1][:PAYLOAD].rstrip()) for number in range(first_, last + 1))


def witnessed(
    examination: Examination, program: Program, played: Sequence[int] | Strategy, witness: Witness | None = None
) -> tuple[Witness, History]:
    """Play once more, by a tape or a strategy that makes the same choices, with somebody watching."""
    witness = witness or Witness()
    strategy = Replay(played) if isinstance(played, Sequence) else played
    history, _ = examination.run(program, Watched(strategy, witness), sabotage=witness.attach)
    return witness, history


def first(history: History, check: str, cause: str) -> Violation | None:
    return next((v for v in CHECKS[check](history).violations if v.cause == cause), None)


# -- the nearest run that passes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest tape that keeps the rule, None where none was found; which of its decisions differ, and what other
    checks its run breaks.

    `tried` schedules were played; all that differ in at most `within` decisions are among them.
    """

    tried: int
    within: int
    tape: tuple[int, ...] | None = None
    changed: tuple[int, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(slots=True)
class _Counted:
    """A strategy whose numbers of choices are kept, and what it chose."""

    inner: Replay
    choices: list[int] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)

    def begin(self) -> None:
        self.inner.begin()

    def choose(self, gates: Gates, can_hold: bool) -> int:
        choice = self.inner.choose(gates, can_hold)
        self.choices.append(len(gates) + can_hold + 1)
        self.chosen.append(choice)
        return choice


def nearest(examination: Examination, check: str, program: Program, tape: tuple[int, ...]) -> Nearest:
    """The schedule of the same program that keeps `check`, by increasing number of decisions taken otherwise.

    Of those at the same distance one that breaks no other check is best, then one that takes a deviation back to plain
    order. The search is bounded by the decisions it plays, so that it ends the same way on every machine.
    """
    start = _Counted(Replay(tape))
    examination.run(program, start)
    collections = sum(isinstance(step, Collect | Census) for track in program.tracks for step in track)
    level: list[tuple[_Counted, tuple[int, ...]]] = [(start, ())]
    tried = spent = 0
    for distance in range(1, FARTHEST + 1):
        best: Nearest | None = None
        farther: list[tuple[_Counted, tuple[int, ...]]] = []
        for before, changed in level:
            for number, choice in _otherwise(before, changed):
                candidate = (*before.chosen[:number], choice, *before.chosen[number + 1 :])
                played = _Counted(Replay(candidate))
                history, _ = examination.run(program, played)
                tried += 1
                spent += len(played.chosen) + COLLECTION * collections
                if history.blocked:
                    return best or Nearest(tried, distance - 1)
                if not CHECKS[check](history).violations:
                    broken = tuple(other for other in CHECKS if CHECKS[other](history).violations)
                    if best is None or len(broken) < len(best.broken):
                        best = Nearest(tried, distance - 1, candidate, (*changed, number), broken)
                farther.append((played, (*changed, number)))
                if spent > DECISIONS or (best is not None and not best.broken):
                    return best or Nearest(tried, distance - 1)
        if best is not None:
            return best
        level = farther
    return Nearest(tried, FARTHEST)


def _otherwise(before: _Counted, changed: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Each decision after those `changed` with each other choice: back to plain order first, the latest first."""
    later = range(len(before.chosen) - 1, changed[-1] if changed else -1, -1)
    yield from ((number, 0) for number in later if before.chosen[number])
    yield from ((n, choice) for n in later for choice in range(1, before.choices[n]) if choice != before.chosen[n])


def _chosen(seen: Seen, choice: int) -> str:
    if choice == 0:
        return seen.open[0] if len(seen.open) == 1 else "all of them happen, the oldest first"
    if choice <= len(seen.open):
        word = seen.open[choice - 1]
        return word if len(seen.open) == 1 else f"only this happens: {word}"
    return "that does not happen yet" if len(seen.open) == 1 else "none of them happens yet"


# -- the scene -----------------------------------------------------------------------------------------------------


def scene_of(
    history: History, violation: Violation | None, places: dict[int, Place], concerned: tuple[str, ...] = ()
) -> Scene:
    """What there is to see of a run; `places` says from where each row was sent."""
    names = violation.users if violation is not None else concerned
    users = {number for number, user in enumerate(history.users) if user in names}
    calls = list(range(len(history.calls)))
    rows = list(range(len(history.send_start)))
    left_out = max(0, len(calls) + len(rows) - RECORDS)
    if left_out:
        calls, rows = _fewer(history, violation, users, calls, rows)
        left_out = len(history.calls) + len(history.send_start) - len(calls) - len(rows)
    culprit = _culprit(history, violation, calls, rows) if violation is not None else None
    return Scene(
        history.users,
        tuple(
            Connection(
                e.user, e.device, e.socket, e.connecting, _t(e.connected), _t(e.leaving), _t(e.left), _t(e.excused)
            )
            for e in history.episodes
        ),
        tuple(_act(history, history.calls[number]) for number in calls),
        tuple(_arrival(history, row, places) for row in rows),
        tuple(Remark(at, text) for at, text in history.notes),
        culprit,
        left_out,
        tuple(min(content.users) for content in history.contents),
    )


def _fewer(
    history: History, violation: Violation | None, users: set[int], calls: list[int], rows: list[int]
) -> tuple[list[int], list[int]]:
    until = violation.time if violation is not None else history.now
    about = [n for n in calls if history.calls[n].user in users and history.calls[n].started <= until]
    sent = [
        r
        for r in rows
        if history.send_start[r] <= until
        and (
            history.episodes[history.send_episode[r]].user in users
            or any(users & history.contents[c].users for c in history.frames[history.send_frame[r]].carried)
        )
    ]
    if violation is not None and violation.send >= 0:
        # the culprit is the last row that is wanted, whatever else has to go
        sent = [r for r in sent if r <= violation.send]
        if violation.send not in sent:
            sent.append(violation.send)
    return about[-RECORDS // 2 :], sent[-RECORDS // 2 :]


def _t(time_: int) -> int:
    return -1 if time_ == NEVER else time_


def _act(history: History, call: Call) -> Act:
    said = call.error
    if not said and call.kind == "publish" and type(call.value) in (int, bool):
        said = repr(call.value)
    return Act(
        "probe" if call.probe else call.kind,
        call.user,
        call.started,
        _t(call.returned),
        _ENDING.get(call.status, "pending"),
        call.episode,
        call.content,
        history.contents[call.content].type if call.content >= 0 else "",
        said[:PAYLOAD],
        call.where,
    )


def _arrival(history: History, row: int, places: dict[int, Place]) -> Arrival:
    frame = history.frames[history.send_frame[row]]
    episode = history.send_episode[row]
    receiver = history.episodes[episode].user
    foreign = [c for c in frame.carried + frame.others if receiver not in history.contents[c].users]
    status = history.send_status[row]
    return Arrival(
        episode,
        history.send_start[row],
        history.send_end[row] if status else -1,
        _ENDING.get(status, "pending"),
        frame.carried,
        frame.others,
        min(history.contents[foreign[0]].users) if foreign else -1,
        frame.type,
        frame.sample[:PAYLOAD],
        places.get(row),
    )


def _culprit(history: History, violation: Violation, calls: list[int], rows: list[int]) -> Culprit:
    if violation.send >= 0 and violation.send in rows:
        row = violation.send
        return Culprit("arrival", history.send_start[row], rows.index(row), history.send_episode[row])
    if violation.check == "golden_path":
        return _departure(history, violation, calls, rows)
    for place, number in enumerate(calls):
        call = history.calls[number]
        if violation.time not in (call.started, call.returned) or history.users[call.user] not in violation.users:
            continue
        if call.kind == "publish" and violation.check in ("delivery", "blocking"):
            at = _judged_at(history, violation)
            for missing in owed(history, at)[1]:
                if missing.call is call:
                    return Culprit("missing", at, place, missing.number)
        late = call.returned if call.returned != NEVER else history.now
        return Culprit("act", history.stalled_quiet if violation.check == "blocking" else late, place)
    return Culprit("end", violation.time)


def _judged_at(history: History, violation: Violation) -> int:
    """When a delivery that is missing was looked for."""
    if violation.check == "blocking":
        return history.stalled_quiet
    return history.rest if violation.cause == "late" else history.final_quiet


def _departure(history: History, violation: Violation, calls: list[int], rows: list[int]) -> Culprit:
    """Of a run that left the Golden Path: the first event that a connection never got, got too late, or again."""
    end = Culprit("end", violation.time)
    told = _RUN.match(violation.message)
    if told is None or not violation.users:
        return end
    publishes = [
        place
        for place, number in enumerate(calls)
        if history.calls[number].content >= 0
        and history.contents[history.calls[number].content].run == int(told[1])
        and history.users[history.calls[number].user] == violation.users[0]
    ]
    if not publishes:
        return end
    started = history.calls[calls[publishes[0]]].started
    turn = {history.calls[calls[place]].content: at for at, place in enumerate(publishes)}
    for number, episode in enumerate(history.episodes):
        if history.users[episode.user] != violation.users[0] or episode.connected >= started:
            continue
        if episode.excused <= history.final_quiet or episode.leaving < history.final_quiet:
            continue
        latest, seen = -1, set()
        late: Culprit | None = None
        for place, row in enumerate(rows):
            if history.send_episode[row] != number or history.send_status[row] != ACCEPTED:
                continue
            for content in history.frames[history.send_frame[row]].carried:
                if content in turn:
                    if late is None and (turn[content] < latest or content in seen):
                        late = Culprit("arrival", history.send_start[row], place, number)
                    seen.add(content)
                    latest = max(latest, turn[content])
        missing = [place for content, place in zip(turn, publishes, strict=False) if content not in seen]
        if missing:
            return Culprit("missing", violation.time, missing[0], number)
        if late is not None:
            return late
    return end


def _culprit_place(scene: Scene, witness: Witness, target: str) -> Place | None:
    """The line to look at: where the wrong frame was sent, a call raised or waits; or else where publishing begins."""
    culprit = scene.culprit
    if culprit is not None and culprit.kind == "arrival":
        place = scene.arrivals[culprit.number].place
        if place is not None:
            return place
    if culprit is not None and culprit.kind == "act":
        told = _WHERE.fullmatch(scene.acts[culprit.number].waits_at)
        if told is not None:
            # a call's own record has the file's name only: of the target's files the path is known
            known = [witness.publishes_at.path] if witness.publishes_at is not None else []
            known += [*(p.path for p in witness.places.values()), target.removeprefix("asgi:").rpartition(":")[0]]
            path = next((path for path in known if path.rpartition("/")[2] == told[1]), None)
            if path is not None:
                return Place(path, int(told[2]), told[3])
    return witness.publishes_at
