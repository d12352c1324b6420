"""Nothing is lost: every owed delivery (see `owed`) was accepted by final quiet. One opportunity each."""

from __future__ import annotations

from crosstalk.checks.owed import owed
from crosstalk.checks.result import Result
from crosstalk.model.history import NEVER, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.final_quiet == NEVER:
        return result
    result.opportunities, missing = owed(history, history.final_quiet)
    for call, episode, _ in missing:
        user = history.users[call.user]
        message = f"{user!r} never received an event on {episode.device}, though its publish returned"
        result.violations.append(Violation("delivery", message, (user,), call.started, "lost"))
    return result
