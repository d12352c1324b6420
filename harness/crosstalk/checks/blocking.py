"""One user's slow connection holds up nobody else.

Judged at quiet with stalls held, for users without a stalled socket: fails when a call of theirs is pending, or a
delivery owed to them (see `owed`) is missing there but has arrived by final quiet. One opportunity each.
"""

from __future__ import annotations

from crosstalk.checks.owed import owed
from crosstalk.checks.result import Result
from crosstalk.model.history import NEVER, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.stalled_quiet == NEVER:
        return result
    for number in history.blocked_calls:
        call = history.calls[number]
        user = history.users[call.user]
        message = f"a {call.kind} of {user!r} waits for another user's stalled connection"
        result.violations.append(Violation("blocking", message, (user,), call.started, f"{call.kind} waits"))
    late = []
    for call, episode, arrived in owed(history, history.stalled_quiet):
        if call.user in history.unstalled:
            result.opportunities += 1
            if not arrived:
                late.append((id(call), id(episode)))
    if late:
        waited = set(late)
        for call, episode, arrived in owed(history, history.final_quiet):
            if arrived and (id(call), id(episode)) in waited:
                user = history.users[call.user]
                message = f"an event for {user!r} waits for another user's stalled connection"
                result.violations.append(Violation("blocking", message, (user,), call.started, "event waits"))
    return result
