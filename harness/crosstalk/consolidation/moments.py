"""Where in a history a fact is to be seen: the call, the frame, or the frame that is not there, that a key names.

Two broadcasters that differ in a fact are drawn side by side, and this is what is marked in both pictures.
"""

from __future__ import annotations

from crosstalk.consolidation.facts import CLOSES, Key
from crosstalk.model.history import ACCEPTED, NEVER, Call, History
from crosstalk.model.scene import Culprit


def moment(history: History, key: Key) -> Culprit | None:
    """The moment of the fact `key`, in a scene that holds the whole history; None where nothing is to be seen of it."""
    kind, *rest = key
    if kind in ("call", "given"):
        return _returns(history, _publish(history, *rest))
    if kind in ("connect", "disconnect"):
        episode = _episode(history, *rest)
        mine = (number for number, call in enumerate(history.calls) if call.kind == kind and call.episode == episode)
        return _returns(history, next(mine))
    if kind in ("sent", "content"):
        number, episode = _publish(history, *rest[:3]), _episode(history, *rest[3:])
        content = history.calls[number].content
        sent = [row for row in _accepted(history, episode) if content in _carried(history, row)]
        if not sent:
            return Culprit("missing", history.final_quiet, number, episode)
        return _arrives(history, sent[0] if kind == "content" else sent[-1])
    if kind == "leaked":
        content = history.calls[_publish(history, *rest)].content
        foreign = (row for row in range(len(history.send_start)) if _reaches_another(history, row, content))
        return _first(history, list(foreign))
    episode = _episode(history, *rest)
    if kind == "order":
        return _first(history, _late(history, episode))
    if kind == "frames":
        return _first(history, [row for row in _accepted(history, episode) if not _carried(history, row)])
    closed = (
        at for at, note in history.notes if (found := CLOSES.match(note)) and _socket(history, episode) == found[1]
    )
    at = next(closed, None)
    return None if at is None else Culprit("end", at)


def _publish(history: History, kind: str, user: int, nth: int) -> int:
    """The number of the call that is the user's nth publish, or probe."""
    mine = [n for n, call in enumerate(history.calls) if _is(call, kind) and call.user == user]
    return mine[nth - 1]


def _is(call: Call, kind: str) -> bool:
    return call.kind == "publish" and call.probe == (kind == "probe")


def _episode(history: History, device: str, nth: int) -> int:
    """The number of the device's nth connection, counted from none."""
    return [number for number, episode in enumerate(history.episodes) if episode.device == device][nth]


def _socket(history: History, episode: int) -> str:
    return str(history.episodes[episode].socket)


def _carried(history: History, row: int) -> tuple[int, ...]:
    frame = history.frames[history.send_frame[row]]
    return frame.carried + frame.others


def _accepted(history: History, episode: int) -> list[int]:
    rows = zip(history.send_episode, history.send_status, strict=True)
    return [row for row, (to, status) in enumerate(rows) if to == episode and status == ACCEPTED]


def _reaches_another(history: History, row: int, content: int) -> bool:
    receiver = history.episodes[history.send_episode[row]].user
    return content in _carried(history, row) and receiver not in history.contents[content].users


def _late(history: History, episode: int) -> list[int]:
    """Rows that carry, for the first time, an event published before another that has come."""
    late: list[int] = []
    seen: set[int] = set()
    latest = -1
    for row in _accepted(history, episode):
        for content in history.frames[history.send_frame[row]].carried:
            if content not in seen and content < latest:
                late.append(row)
            seen.add(content)
            latest = max(latest, content)
    return late


def _first(history: History, rows: list[int]) -> Culprit | None:
    return _arrives(history, rows[0]) if rows else None


def _arrives(history: History, row: int) -> Culprit:
    return Culprit("arrival", history.send_start[row], row, history.send_episode[row])


def _returns(history: History, number: int) -> Culprit:
    call = history.calls[number]
    return Culprit("act", history.final_quiet if call.returned == NEVER else call.returned, number)
