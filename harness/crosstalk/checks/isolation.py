"""No user receives what belongs to another.

Fails when a send starts on a socket whose latest episode belongs to B, carrying anywhere a canary that no publish
addressed to B, or a canary that is none of this run's. One opportunity a frame with a canary. Never optional. Where the
application makes the events itself, also by ids and envelopes, as on a live system.
"""

from __future__ import annotations

from crosstalk.checks import answers
from crosstalk.checks.result import Result
from crosstalk.model.history import Content, Frame, History, Violation


def check(history: History) -> Result:
    result = Result()
    receivers = [episode.user for episode in history.episodes]
    entitled = [_entitled(frame, history.contents) for frame in history.frames]
    opportunities = 0
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        users = entitled[number]
        if users is None:
            continue
        opportunities += 1
        if receivers[episode] not in users:
            result.violations.append(_violation(history, row))
    result.opportunities = opportunities
    if history.answers is not None and not result.violations:
        by_other_ids = answers.judged(history, history.answers, "isolation")
        result.opportunities = max(opportunities, by_other_ids.opportunities)
        result.violations = by_other_ids.violations
    return result


def _entitled(frame: Frame, contents: list[Content]) -> frozenset[int] | None:
    """The users who may be sent `frame`; None where it has no canary."""
    if frame.foreign:
        return frozenset()
    quoted = frame.carried + frame.others
    if not quoted:
        return None
    users = contents[quoted[0]].users
    for content in quoted[1:]:
        users &= contents[content].users
    return users


def _violation(history: History, row: int) -> Violation:
    frame = history.frames[history.send_frame[row]]
    user = history.episodes[history.send_episode[row]].user
    name, time = history.users[user], history.send_start[row]
    for content in frame.carried + frame.others:
        owners = history.contents[content].users
        if user not in owners:
            owner = history.users[min(owners)]
            message = f"{name!r} was sent an event that belongs to {owner!r}"
            cause = "leak" if content == frame.content else "leak inside another event"
            return Violation("isolation", message, (owner, name), time, cause, row)
    return Violation("isolation", f"{name!r} was sent an event of another run", (name,), time, "another run", row)
