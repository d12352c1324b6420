"""Which deliveries are owed: what delivery and blocking both ask.

A publish owes one accepted send to each episode of its user that was connected before the publish began, has no
excuse, and is open at the moment of asking; provided that the publish returned normally, or raised only a dead
socket's own error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from crosstalk.model.history import ACCEPTED, FAILED, NEVER, Call, Episode, History


def owed(history: History, at: int) -> Iterator[tuple[Call, Episode, bool]]:
    """Each owed delivery at logical time `at`: the publish, the episode, and whether it had been accepted by then."""
    accepted: set[tuple[int, int]] = set()
    rows = zip(history.send_episode, history.send_frame, history.send_status, history.send_end, strict=True)
    for episode, number, status, end in rows:
        if status == ACCEPTED and end <= at:
            frame = history.frames[number]
            for content in frame.carried + frame.others:
                accepted.add((episode, content))
    episodes: dict[int, list[int]] = defaultdict(list)
    for number, candidate in enumerate(history.episodes):
        if candidate.connected != NEVER and candidate.excused > at and candidate.leaving > at:
            episodes[candidate.user].append(number)
    for call in history.calls:
        if call.kind != "publish" or call.returned > at:
            continue
        if call.status != ACCEPTED and not (call.status == FAILED and call.excused):
            continue
        for number in episodes.get(call.user, ()):
            if history.episodes[number].connected < call.started:
                yield call, history.episodes[number], (number, call.content) in accepted
