"""An event is delivered to a connection once.

Fails when in one episode more sends of a content were accepted than publishes of it made; what belongs to another user
is left to isolation. Not judged where events may come again (`at_least_once`). One opportunity an accepted send.
"""

from __future__ import annotations

from crosstalk.checks import answers
from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.guarantees.at_least_once:
        return result
    if history.answers is not None:
        return answers.judged(history, history.answers, "duplicate")
    counts: dict[int, int] = {}
    size = len(history.contents)
    contents = history.contents
    receivers = [episode.user for episode in history.episodes]
    carried = [frame.carried for frame in history.frames]
    opportunities = 0
    rows = zip(history.send_episode, history.send_frame, history.send_status, strict=True)
    for row, (episode, number, status) in enumerate(rows):
        if status != ACCEPTED:
            continue
        for content in carried[number]:
            if receivers[episode] not in contents[content].users:
                continue
            opportunities += 1
            key = episode * size + content
            if key not in counts:
                counts[key] = 1
                continue
            counts[key] = count = counts[key] + 1
            made = contents[content].publishes
            if count > made:
                user = history.users[receivers[episode]]
                times = "once" if made == 1 else f"{made} times"
                message = f"{user!r} was sent one event {count} times on one connection; it was published {times}"
                result.violations.append(
                    Violation("duplicate", message, (user,), history.send_start[row], "duplicate", row)
                )
    result.opportunities = opportunities
    return result
