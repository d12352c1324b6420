"""Nothing is lost: every owed delivery (see `owed`) was accepted by final quiet. One opportunity each.

Nor does an event lie there until the next one comes: what was owed at rest, before everybody is probed, had come.
Where the application makes the events itself, one of them is owed, and no device lacks what another one is sent.
"""

from __future__ import annotations

from crosstalk.checks import answers
from crosstalk.checks.owed import late, owed
from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, NEVER, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.final_quiet == NEVER:
        return result
    result.opportunities, missing = owed(history, history.final_quiet)
    elsewhere = _received(history) if missing else set()
    for call, episode, _ in missing:
        user = history.users[call.user]
        message = f"{user!r} never received an event on {episode.device}, though its publish returned"
        if (call.user, call.content) in elsewhere:
            message += "; another connection of that user received it"
        result.violations.append(Violation("delivery", message, (user,), call.started, "lost"))
    if history.answers is not None:
        devices = answers.judged(history, history.answers, "delivery")
        result.opportunities += devices.opportunities
        result.violations += devices.violations
    for call, episode, _ in late(history):
        user = history.users[call.user]
        message = f"{user!r} was sent an event on {episode.device} only when a later one was published"
        result.violations.append(Violation("delivery", message, (user,), call.started, "late"))
    return result


def _received(history: History) -> set[tuple[int, int]]:
    """Which user received which content, on any connection."""
    sends = zip(history.send_episode, history.send_frame, history.send_status, strict=True)
    return {
        (history.episodes[episode].user, content)
        for episode, frame, status in sends
        if status == ACCEPTED
        for content in history.frames[frame].carried
    }
