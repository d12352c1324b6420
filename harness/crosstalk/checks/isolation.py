"""No user receives what belongs to another.

Fails when a send starts on a socket whose latest episode belongs to B, carrying anywhere a canary that no publish
addressed to B, or a canary that is none of this run's. One opportunity a frame with a canary. Never optional.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import History, Violation


def check(history: History) -> Result:
    result = Result()
    users, contents, frames, episodes = history.users, history.contents, history.frames, history.episodes
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        frame = frames[number]
        quoted = frame.carried + frame.others
        if not quoted and not frame.foreign:
            continue
        result.opportunities += 1
        user = episodes[episode].user
        time = history.send_start[row]
        for content in quoted:
            owners = contents[content].users
            if user not in owners:
                owner = users[min(owners)]
                result.violations.append(
                    Violation(
                        "isolation",
                        f"{users[user]!r} was sent an event that belongs to {owner!r}",
                        (owner, users[user]),
                        time,
                        "leak" if content == frame.content else "leak inside another event",
                        row,
                    )
                )
                break
        else:
            if frame.foreign:
                result.violations.append(
                    Violation(
                        "isolation",
                        f"{users[user]!r} was sent an event of another run",
                        (users[user],),
                        time,
                        "another run",
                        row,
                    )
                )
    return result
