"""Most histories are clean, and one walk over the deliveries proves it for all checks that look at deliveries.

`opportunities` says how many each of those checks had in a history in which none of them finds anything. It answers
None wherever that is not plain to see, and then the checks themselves look; it never says what is wrong.

It is plain to see where each frame is one event as it was published, that was published once for one user, and where

* each is sent to that user, on a connection that has not ended: isolation, ownership, integrity, ghost;
* each connection is sent events in the order in which their publishes began: order. None comes twice then: duplicate;
* as many deliveries that are owed were accepted as are owed, and none began after rest of what was published before:
  delivery. With the order that leaves for each run that
  golden_path judges nothing but what was published.
"""

from __future__ import annotations

from bisect import bisect_left

from crosstalk.checks.golden_path import judged_runs
from crosstalk.checks.owed import is_open, is_owed
from crosstalk.model.history import ACCEPTED, NEVER, Frame, History


def opportunities(history: History) -> dict[str, int] | None:
    """The opportunities of each check that looks at deliveries, if the history is plainly clean for all of them."""
    at, rest, guarantees, episodes = history.final_quiet, history.rest, history.guarantees, history.episodes
    if at == NEVER or guarantees.at_least_once or not guarantees.replay or history.answers is not None:
        return None
    published = _published(history)
    if published is None:
        return None
    began, due, owner_of, owed_to = published
    if not all([frame.event is not None or _is_as_published(frame, owner_of, history) for frame in history.frames]):
        return None
    content_of = [frame.content for frame in history.frames]

    receivers = [episode.user for episode in episodes]
    left = [episode.left for episode in episodes]
    # when an episode to which something may be owed was connected
    since = [episode.connected if is_open(episode, at) else NEVER for episode in episodes]
    latest = [-1] * len(episodes)
    accepted = arrived = 0
    rows = zip(
        history.send_episode, history.send_frame, history.send_start, history.send_end, history.send_status, strict=True
    )
    for episode, frame, start, end, status in rows:
        content = content_of[frame]
        started = began[content]
        if receivers[episode] != owner_of[content] or start > left[episode] or started <= latest[episode]:
            return None
        if start > rest > started:
            return None
        latest[episode] = started
        if status == ACCEPTED:
            accepted += 1
            if since[episode] < due[content] and end <= at:
                arrived += 1

    opened: list[list[int]] = [[] for _ in history.users]
    for user, connected in sorted(zip(receivers, since, strict=True)):
        opened[user].append(connected)
    owed = sum([bisect_left(opened[user], started) for user, started in owed_to])
    if owed != arrived:
        return None
    runs = judged_runs(history)
    if any(calls[-1].returned > at for calls, _ in runs):
        return None
    sends = len(history.send_start)
    return {
        "isolation": sends,
        "ownership": sends,
        "integrity": sends,
        "ghost": sends if NEVER not in left else sum([left[episode] != NEVER for episode in history.send_episode]),
        "duplicate": accepted,
        "order": sends - sum([started >= 0 for started in latest]),
        "delivery": owed,
        "golden_path": sum([len(numbers) for _, numbers in runs]),
    }


def _published(history: History) -> tuple[list[int], list[int], list[int], list[tuple[int, int]]] | None:
    """Of each content when its publish began, the same where it is owed, and its user, each -1 where there is none;
    users and beginnings of those that are owed.

    None where a content is not one user's, or was not published just once, in the order of the calls.
    """
    contents, at = history.contents, history.final_quiet
    began = [-1] * len(contents)
    due = began[:]
    owner_of = began[:]
    owed_to = []
    for call in history.calls:
        number = call.content
        if number < 0:
            continue
        content, user = contents[number], call.user
        if content.publishes != 1 or began[number] >= 0 or user not in content.users or len(content.users) != 1:
            return None
        if call.probe and content.run:
            return None
        began[number] = started = call.started
        owner_of[number] = user
        if (call.status == ACCEPTED and call.returned <= at) or is_owed(call, at):
            due[number] = started
            owed_to.append((user, started))
    return began, due, owner_of, owed_to


def _is_as_published(frame: Frame, owner_of: list[int], history: History) -> bool:
    """Whether a frame that was read is nothing but one event as it was published."""
    number = frame.content
    if number < 0 or owner_of[number] < 0 or frame.altered or frame.batch or frame.others or frame.foreign:
        return False
    return frame.owner == history.users[owner_of[number]] and frame.type == history.contents[number].type
