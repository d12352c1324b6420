"""An event is delivered to a connection once.

Fails when in one episode more sends of a content were accepted than publishes of it made; what belongs to another user
is left to isolation. Not judged where events may come again (`at_least_once`). One opportunity an accepted send.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.guarantees.at_least_once:
        return result
    counts: dict[tuple[int, int], int] = {}
    rows = zip(history.send_episode, history.send_frame, history.send_status, strict=True)
    for row, (episode, number, status) in enumerate(rows):
        if status != ACCEPTED:
            continue
        for content in history.frames[number].carried:
            if history.episodes[episode].user not in history.contents[content].users:
                continue
            result.opportunities += 1
            count = counts[episode, content] = counts.get((episode, content), 0) + 1
            if count > history.contents[content].publishes:
                user = history.users[history.episodes[episode].user]
                made = history.contents[content].publishes
                message = f"{user!r} was sent one event {count} times on one connection; it was published {made} times"
                result.violations.append(
                    Violation("duplicate", message, (user,), history.send_start[row], "duplicate", row)
                )
    return result
