"""A returned count is true.

Fails when a publish returns an int (not a bool) greater than the number of connections its user had at any time during
the call. Not judged where the integer is something else (`counts=no`, or found so). One opportunity a returned int.
"""

from __future__ import annotations

from collections import defaultdict

from crosstalk.checks.result import Result
from crosstalk.model.history import Episode, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.guarantees.counts == "no":
        return result
    counted = [call for call in history.calls if type(call.value) is int and call.kind == "publish"]
    if not counted:
        return result
    episodes: dict[int, list[Episode]] = defaultdict(list)
    for episode in history.episodes:
        episodes[episode.user].append(episode)
    for call in counted:
        result.opportunities += 1
        most = sum(e.connecting < call.returned and e.left > call.started for e in episodes[call.user])
        if call.value > most:
            user = history.users[call.user]
            message = f"a publish to {user!r} returned {call.value}, but that user had at most {most} connections"
            result.violations.append(Violation("truthful_count", message, (user,), call.returned, "count"))
    return result
