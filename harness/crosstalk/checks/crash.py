"""Calls return, and raise nothing that was not asked for.

Fails on an exception out of a call (a dead socket's own error, raised to the publisher of its user, is excused), on a
CancelledError that nobody requested, on a call unreturned at the end, and when the world never becomes quiet. One
opportunity a call.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, PENDING, History, Violation


def check(history: History) -> Result:
    result = Result(opportunities=len(history.calls))
    for text in history.crashes:
        result.violations.append(Violation("crash", text, (), history.now, _cause(text)))
    if history.crashes:
        return result
    for call in history.calls:
        if call.status == ACCEPTED:
            continue
        user = history.users[call.user]
        if call.status == FAILED and not call.excused:
            message = f"{call.kind} of {user!r} raised {call.error} ({call.where})"
            cause = f"{call.kind} {call.error.partition(':')[0]} {call.where}"
        elif call.status == CANCELLED and not call.excused:
            message = f"{call.kind} of {user!r} was cancelled, which nobody requested"
            cause = f"{call.kind} cancelled"
        elif call.status == PENDING:
            at = f"; it waits at {call.where}" if call.where else ""
            message = f"{call.kind} of {user!r} never returned, with all connections healthy{at}"
            cause = f"{call.kind} pending {call.where}"
        else:
            continue
        result.violations.append(Violation("crash", message, (user,), call.started, cause))
    return result


def _cause(text: str) -> str:
    for words in ("kept the thread", "left the process", "loop.stop", "RecursionError", "frames were sent"):
        if words in text:
            return words
    return "never quiet"
