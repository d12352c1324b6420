"""Which deliveries are owed: what delivery and blocking both ask.

A publish owes one accepted send to each episode of its user that was connected before the publish began, has no
excuse, and is open at the moment of asking; provided that the publish returned normally, or raised only a dead
socket's own error. Of a user's message the connection that it was said on must be open too: whoever leaves may have it
taken back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Container
from typing import NamedTuple

from crosstalk.model.history import ACCEPTED, FAILED, NEVER, Call, Episode, History


class Missing(NamedTuple):
    """An owed delivery that had not been accepted: the publish, and the episode with its number."""

    call: Call
    episode: Episode
    number: int


def owed(history: History, at: int, users: Container[int] | None = None) -> tuple[int, list[Missing]]:
    """How many deliveries are owed at logical time `at`, to `users` or everybody, and which of them are missing."""
    arrived = accepted(history, at)
    size = len(history.contents)
    episodes: dict[int, list[tuple[int, int, Episode]]] = defaultdict(list)
    for number, episode in enumerate(history.episodes):
        if is_open(episode, at) and (users is None or episode.user in users):
            episodes[episode.user].append((number, episode.connected, episode))
    due = [
        call
        for call in history.calls
        if is_owed(call, at) and (call.episode < 0 or is_open(history.episodes[call.episode], at))
    ]
    keys = [
        number * size + call.content
        for call in due
        for number, connected, _ in episodes.get(call.user, ())
        if connected < call.started
    ]
    if arrived.issuperset(keys):
        return len(keys), []
    missing = [
        Missing(call, episode, number)
        for call in due
        for number, connected, episode in episodes.get(call.user, ())
        if connected < call.started and number * size + call.content not in arrived
    ]
    return len(keys), missing


def late(history: History) -> list[Missing]:
    """What was owed at rest and missing, and came by final quiet: only what was published later brought it."""
    if history.rest == NEVER or history.final_quiet == NEVER:
        return []
    size = len(history.contents)
    came = {
        history.send_episode[row] * size + content
        for row in range(bisect_right(history.send_start, history.rest), len(history.send_start))
        if history.send_status[row] == ACCEPTED and history.send_end[row] <= history.final_quiet
        for content in history.frames[history.send_frame[row]].carried
    }
    probed = {call.content for call in history.calls if call.kind == "publish" and call.started > history.rest}
    if all(key % size in probed for key in came):
        return []
    return [
        missing
        for missing in owed(history, history.rest)[1]
        if missing.number * size + missing.call.content in came and is_open(missing.episode, history.final_quiet)
    ]


def is_owed(call: Call, at: int) -> bool:
    """Whether by `at` the call owes deliveries."""
    if call.kind != "publish" or call.returned > at:
        return False
    return call.status == ACCEPTED or (call.status == FAILED and call.excused)


def is_open(episode: Episode, at: int) -> bool:
    """Whether the episode is connected and without excuse at `at`."""
    return episode.connected != NEVER and episode.excused > at and episode.leaving > at


def accepted(history: History, at: int) -> set[int]:
    """What had been accepted by `at`: for each episode and content one number, episode * contents + content."""
    size = len(history.contents)
    carried = [frame.carried + frame.others for frame in history.frames]
    rows = zip(history.send_episode, history.send_frame, history.send_status, history.send_end, strict=True)
    # a set of a list is made in half the time that a set comprehension takes
    return set(
        [
            number * size + content
            for number, frame, status, end in rows
            if status == ACCEPTED and end <= at
            for content in carried[frame]
        ]
    )
