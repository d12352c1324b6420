"""The records of a live run: what the journal holds a line each, and the only way in which a live history is written.

A record is a list that begins with what it is. Whoever records applies it to the history and appends it to the journal;
whoever reads a journal, after a crash say, applies the same records again and has the same histories. `delivery` is
apart, since there are thousands a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from crosstalk.model.golden_path import Grammar
from crosstalk.model.live_history import NEVER, NO_BASIS, RUN, LiveEpisode, LiveHistory, LiveRun

Record = tuple[Any, ...]


def delivery(
    history: LiveHistory,
    time: float,
    episode: int,
    run: int,
    owner: int,
    named: int,
    basis: int,
    type_: int,
    sequence: int,
) -> None:
    """Append one delivery to the columns."""
    history.at_time.append(time)
    history.at_episode.append(episode)
    history.at_run.append(run)
    history.at_owner.append(owner)
    history.at_named.append(named)
    history.at_basis.append(basis)
    history.at_type.append(type_)
    history.at_sequence.append(sequence)
    known = history.episodes[episode]
    if run >= 0 and known.first_event == NEVER:
        known.first_event = time


def _connecting(history: LiveHistory, user: int, device: int, time: float) -> None:
    history.episodes.append(LiveEpisode(user, device, time))


def _connected(history: LiveHistory, episode: int, time: float) -> None:
    history.episodes[episode].connected = time


def _failed(history: LiveHistory, episode: int, time: float, why: str) -> None:
    history.episodes[episode].failed = why
    history.episodes[episode].left = time


def _leaving(history: LiveHistory, episode: int, time: float) -> None:
    history.episodes[episode].leaving = min(time, history.episodes[episode].leaving)


def _left(history: LiveHistory, episode: int, time: float, by: str, why: str) -> None:
    known = history.episodes[episode]
    known.left = time
    if by != "us":
        known.lost, known.lost_by = why, by
        history.excuse(episode, time, why)


def _run(history: LiveHistory, user: int, number: int, episode: int, time: float) -> None:
    history.runs.append(LiveRun(user, number, episode, time))


def _asked(history: LiveHistory, run: int, time: float, status: int, why: str) -> None:
    history.runs[run].returned, history.runs[run].status, history.runs[run].why = time, status, why


def _completed(history: LiveHistory, run: int, time: float) -> None:
    history.runs[run].completed = min(time, history.runs[run].completed)


def _answered(history: LiveHistory, episode: int) -> None:
    history.episodes[episode].answered = True


def _held(history: LiveHistory, episode: int, time: float, patience: float) -> None:
    history.episodes[episode].held, history.episodes[episode].patience = time, patience


def _reads_on(history: LiveHistory, episode: int, time: float) -> None:
    history.episodes[episode].released = time


def _traced(history: LiveHistory, row: int, run: int, owner: int) -> None:
    """It has turned out later which run the delivery `row` is of."""
    receiver = history.episodes[history.at_episode[row]].user
    history.at_run[row] = run if receiver == owner else -1
    if receiver == owner:
        known = history.episodes[history.at_episode[row]]
        known.first_event = min(known.first_event, history.at_time[row])
    if history.at_owner[row] in (-1, receiver):
        history.at_owner[row] = owner
        history.at_basis[row] = max(RUN, history.at_basis[row])


def _withdrawn(history: LiveHistory, row: int) -> None:
    """The id by which the delivery `row` was laid to a user has turned out to be nobody's own."""
    history.at_run[row], history.at_owner[row], history.at_basis[row] = -1, -1, NO_BASIS


def _late(history: LiveHistory, seconds: float) -> None:
    history.late = seconds


def _quiet(history: LiveHistory, time: float) -> None:
    history.final_quiet = time


_APPLY: dict[str, Callable[..., None]] = {
    "connecting": _connecting,
    "connected": _connected,
    "failed": _failed,
    "leaving": _leaving,
    "left": _left,
    "excused": lambda history, episode, time, why: history.excuse(episode, time, why),
    "run": _run,
    "asked": _asked,
    "completed": _completed,
    "answered": _answered,
    "quiet": _quiet,
    "late": _late,
    "withdrawn": _withdrawn,
    "held": _held,
    "released": _reads_on,
    "traced": _traced,
    "d": delivery,
    "type": lambda history, name: history.types.append(name),
    "excerpt": lambda history, row, text: history.excerpts.__setitem__(row, text),
    "unread": lambda history, time, episode, text: history.unread.append((time, episode, text)),
    "unclear": lambda history, user: history.unclear.add(user),
    "note": lambda history, time, user, text: history.notes.append((time, user, text)),
}


def apply(history: LiveHistory, record: Record) -> None:
    """Write `record` into `history`."""
    _APPLY[record[0]](history, *record[1:])


def histories(records: Iterable[Record]) -> Iterator[LiveHistory]:
    """The rounds that `records` tell of, each when the next begins. A record of an unknown kind raises ValueError."""
    history: LiveHistory | None = None
    for record in records:
        if record and record[0] == "round":
            if history is not None:
                yield history
            _, number, users, expression = record
            history = LiveHistory(tuple(users), number, Grammar.parse(expression))
        elif history is None or not record or record[0] not in _APPLY:
            raise ValueError(f"{str(record)[:60]} is no record of a live run")
        else:
            apply(history, record)
    if history is not None:
        yield history
