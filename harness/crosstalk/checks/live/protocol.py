"""What the server sends keeps to its protocol, live.

Fails when a connection broke because of what the server sent: a frame against the protocol, text that is no UTF-8, a
message beyond the limit. That a connection was lost is no such thing, since a network may lose it; see `success`. One
opportunity a connection that was opened.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import NEVER, LiveHistory


def check(history: LiveHistory) -> Result:
    result = Result()
    for number, episode in enumerate(history.episodes):
        if episode.connected == NEVER:
            continue
        result.opportunities += 1
        if episode.lost_by == "broken":
            user = history.users[episode.user]
            message = f"the server broke a connection of {user!r}: {episode.lost}"
            cause = episode.lost.partition(":")[0]
            result.violations.append(Violation("protocol", message, (user,), -1, cause, episode=number))
    return result
