"""Nothing is sent to a connection that has been disconnected.

Fails when a send starts after that episode's disconnect returned. One opportunity a send in an episode that ended.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import NEVER, History, Violation


def check(history: History) -> Result:
    result = Result()
    left = [episode.left for episode in history.episodes]
    for row, (episode, start) in enumerate(zip(history.send_episode, history.send_start, strict=True)):
        if left[episode] == NEVER:
            continue
        result.opportunities += 1
        if start > left[episode]:
            user = history.users[history.episodes[episode].user]
            message = f"a send to {user!r} started after the disconnect of that connection had returned"
            result.violations.append(Violation("ghost", message, (user,), start, "ghost", row))
    return result
