"""One user's slow connection holds up nobody else.

Judged at quiet with stalls held, for users without a stalled socket: fails when a call of theirs is pending, or a
delivery owed to them (see `owed`) is missing there, and that is over when all is healed and at rest. What is not over
then waits for something else, which crash and delivery tell. One opportunity each.
"""

from __future__ import annotations

from crosstalk.checks.owed import accepted, is_open, owed
from crosstalk.checks.result import Result
from crosstalk.model.history import NEVER, History, Violation


def check(history: History) -> Result:
    result = Result()
    if history.stalled_quiet == NEVER:
        return result
    for number in history.blocked_calls:
        call = history.calls[number]
        if call.returned > history.rest:
            continue
        user = history.users[call.user]
        message = f"a {call.kind} of {user!r} waits for another user's stalled connection"
        result.violations.append(Violation("blocking", message, (user,), call.started, f"{call.kind} waits"))
    result.opportunities, late = owed(history, history.stalled_quiet, history.unstalled)
    if late:
        in_the_end = accepted(history, history.rest)
        for call, episode, number in late:
            key = number * len(history.contents) + call.content
            if is_open(episode, history.final_quiet) and key in in_the_end:
                user = history.users[call.user]
                message = f"an event for {user!r} waits for another user's stalled connection"
                result.violations.append(Violation("blocking", message, (user,), call.started, "event waits"))
    return result
