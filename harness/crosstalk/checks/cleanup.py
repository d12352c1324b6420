"""Nothing stays behind when everybody has gone.

Fails when at the end of a run more tasks remain than one, the hub's own worker; a task per departed user is a leak.
Judged on runs with two episodes or more. One opportunity a run that came to its end.
"""

from __future__ import annotations

from collections import Counter

from crosstalk.checks.result import Result
from crosstalk.model.history import PENDING, History, Violation


def check(history: History) -> Result:
    result = Result()
    if not history.complete or len(history.episodes) < 2:
        return result
    if any(call.status == PENDING for call in history.calls):
        return result
    result.opportunities = 1
    for name, count in Counter(history.leftover_tasks).items():
        if count > 1:
            message = f"{count} tasks of {name} remain after every user has gone"
            result.violations.append(Violation("cleanup", message, (), history.now, f"tasks {name}"))
    return result
