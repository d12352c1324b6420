"""One sabotage per live check, at the seam where frames are received: the frames that really came, a little falsified.

The frames of the first round are taken in again by the same pipeline, with one change: one frame of thousands goes to
somebody else, one run loses its end, and so on. What the check then says is the control. A sabotage that finds nothing
to falsify (no envelope names a user, no sequence numbers) hands back None.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence

from crosstalk.checks.live.arrived import owed, received
from crosstalk.model.live_history import ENVELOPE, NEVER, NO_BASIS, NO_SEQUENCE, LiveHistory
from crosstalk.scenarios.live.record import Kept, Recorder, again

Frames = Sequence[Kept]


def swap_recipients(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """One frame goes to a connection of another user."""
    history, rows = _rows(round_, frames)
    for at, row in enumerate(rows):
        if row < 0 or history.at_basis[row] == NO_BASIS:
            continue
        receiver = history.episodes[frames[at].episode].user
        if history.at_owner[row] != receiver:
            continue
        for number, episode in enumerate(history.episodes):
            if episode.user != receiver and episode.connected != NEVER:
                return _changed(round_, frames, at, [frames[at]._replace(episode=number)])
    return None


def misname_owner(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """The envelope of one frame names another user."""
    history, rows = _rows(round_, frames)
    for at, row in enumerate(rows):
        if row < 0 or history.at_basis[row] <= ENVELOPE:
            continue
        receiver = history.episodes[frames[at].episode].user
        if history.at_named[row] != receiver or len(history.users) < 2:
            continue
        return _changed(round_, frames, at, [_other(frames[at], *(history.users[u] for u in (receiver, receiver - 1)))])
    return None


def rename_type(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """In one run an event type arrives as another: with the default grammar, the completion as another start."""
    history, rows = _rows(round_, frames)
    spoiling = history.grammar.spoiling(history.grammar.words()[-1])
    if spoiling is None:
        return None
    run = _judged(history)
    return _without(
        round_,
        frames,
        lambda at: rows[at] >= 0 and history.at_run[rows[at]] == run,
        lambda frame: [_other(frame, *spoiling)],
    )


def lose_completion(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """The last event of one run is lost everywhere."""
    history, rows = _rows(round_, frames)
    run = _judged(history)
    last = {}
    for at, row in enumerate(rows):
        if row >= 0 and run >= 0 and history.at_run[row] == run and _counts(history, row):
            last[frames[at].episode] = at
    return _without(round_, frames, lambda at: at in last.values(), lambda frame: [])


def drop_on_a_device(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """One connection is not sent the last event of a run that another connection of the same user is sent."""
    history, rows = _rows(round_, frames)
    arrived = received(history)
    for run, places in reversed(owed(history).items()):
        for place in places[1:]:
            for at, row in reversed(list(enumerate(rows))):
                mine = row >= 0 and frames[at].episode == place and history.at_run[row] == run and arrived[run, place]
                if mine and _counts(history, row):
                    return _changed(round_, frames, at, [])
    return None


def repeat_one(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """One numbered event comes twice."""
    history, rows = _rows(round_, frames)
    pair = _numbered(history, rows, frames)
    return None if pair is None else _changed(round_, frames, pair[0], [frames[pair[0]], frames[pair[0]]])


def reorder_two(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """Two neighbouring numbered events of a run change places."""
    history, rows = _rows(round_, frames)
    pair = _numbered(history, rows, frames)
    if pair is None:
        return None
    first, second = pair
    changed = list(frames)
    changed[first] = frames[first]._replace(data=frames[second].data)
    changed[second] = frames[second]._replace(data=frames[first].data)
    return again(round_, changed).history


def break_connection(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """One connection is sent what is no WebSocket frame."""
    made = again(round_, frames)
    for number, episode in enumerate(made.history.episodes):
        if episode.connected != NEVER:
            made.apply("left", number, episode.connected, "broken", "a frame broke the protocol: sabotage")
            return made.history
    return None


def lose_everything(round_: Recorder, frames: Frames) -> LiveHistory | None:
    """Nothing arrives."""
    return again(round_, ()).history if round_.history.runs else None


def hold_up(history: LiveHistory) -> LiveHistory | None:
    """A run that was asked for while somebody did not read has had its time, and is complete when that one reads on.

    It changes a copy of what happened, since what arrived does not show who was reading.
    """
    made = copy.deepcopy(history)
    for reader in made.episodes:
        until = min(reader.released, reader.left)
        if until == NEVER or reader.held == NEVER:
            continue
        for number in owed(made):
            run = made.runs[number]
            if run.user != reader.user and reader.held < run.started < until:
                for earlier in made.runs:
                    if earlier.user == reader.user and earlier.completed <= reader.held:
                        earlier.started = earlier.completed = earlier.started - reader.patience
                reader.held -= reader.patience
                run.started, run.completed = run.started - reader.patience, until
                return made
    return None


LIVE_SABOTAGE: tuple[tuple[str, Callable[[Recorder, Frames], LiveHistory | None]], ...] = (
    ("isolation", swap_recipients),
    ("ownership", misname_owner),
    ("golden_path", rename_type),
    ("golden_path", lose_completion),
    ("delivery", drop_on_a_device),
    ("duplicate", repeat_one),
    ("order", reorder_two),
    ("protocol", break_connection),
    ("success", lose_everything),
)


def _rows(round_: Recorder, frames: Frames) -> tuple[LiveHistory, list[int]]:
    """The round as it was, and for each frame the row of its only delivery, -1 for one of several or none."""
    rows: list[int] = []
    made = again(round_, ())
    for frame in frames:
        before = made.history.deliveries
        made.receive(*frame)
        rows.append(before if made.history.deliveries == before + 1 else -1)
    return made.history, rows


def _other(frame: Kept, before: str, after: str) -> Kept:
    """The frame with another text instead of `before`, also where that stands in a text that is JSON itself."""
    quoted, instead = json.dumps(before).encode(), json.dumps(after).encode()
    data = frame.data.replace(quoted, instead)
    return frame._replace(data=data.replace(quoted.replace(b'"', b'\\"'), instead.replace(b'"', b'\\"')))


def _changed(round_: Recorder, frames: Frames, at: int, instead: list[Kept]) -> LiveHistory:
    return again(round_, (*frames[:at], *instead, *frames[at + 1 :])).history


def _without(
    round_: Recorder, frames: Frames, concerned: Callable[[int], bool], change: Callable[[Kept], list[Kept]]
) -> LiveHistory | None:
    changed: list[Kept] = []
    any_ = False
    for at, frame in enumerate(frames):
        if concerned(at):
            any_ = True
            changed += change(frame)
        else:
            changed.append(frame)
    return again(round_, changed).history if any_ else None


def _judged(history: LiveHistory) -> int:
    """The last run that the golden path judges and finds good, -1 for none.

    Where runs have no ids, one that is spoiled makes the user's later ones unclear.
    """
    arrived = received(history)
    for run, places in reversed(owed(history).items()):
        if places and history.grammar.accepts(history.types[t] for t in arrived.get((run, places[0]), ())):
            return run
    return -1


def _counts(history: LiveHistory, row: int) -> bool:
    return history.types[history.at_type[row]] in history.grammar.alphabet


def _numbered(history: LiveHistory, rows: list[int], frames: Frames) -> tuple[int, int] | None:
    """Two neighbouring frames of one run on one connection with rising sequence numbers."""
    before: dict[tuple[int, int], tuple[int, int]] = {}
    for at, row in enumerate(rows):
        if row < 0 or history.at_sequence[row] == NO_SEQUENCE or history.at_run[row] < 0:
            continue
        place = (history.at_run[row], frames[at].episode)
        if place in before and before[place][1] < history.at_sequence[row]:
            return before[place][0], at
        before[place] = (at, history.at_sequence[row])
    return None
