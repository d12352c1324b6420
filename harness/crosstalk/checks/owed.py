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
    # one number for an episode and a content takes half the memory of a pair
    accepted: set[int] = set()
    size = len(history.contents)
    contents = [frame.carried + frame.others for frame in history.frames]
    rows = zip(history.send_episode, history.send_frame, history.send_status, history.send_end, strict=True)
    for number, frame, status, end in rows:
        if status == ACCEPTED and end <= at:
            for content in contents[frame]:
                accepted.add(number * size + content)
    episodes: dict[int, list[tuple[int, int, Episode]]] = defaultdict(list)
    for number, episode in enumerate(history.episodes):
        if episode.connected != NEVER and episode.excused > at and episode.leaving > at:
            episodes[episode.user].append((number, episode.connected, episode))
    for call in history.calls:
        if call.kind != "publish" or call.returned > at:
            continue
        if call.status != ACCEPTED and not (call.status == FAILED and call.excused):
            continue
        started, content = call.started, call.content
        for number, connected, episode in episodes.get(call.user, ()):
            if connected < started:
                yield call, episode, number * size + content in accepted
