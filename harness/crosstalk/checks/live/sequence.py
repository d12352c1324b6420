"""Sequence numbers never repeat and never fall, live: `duplicate` and `order` where the events carry numbers.

Judged per run and connection for events whose declared sequence pointer leads to a number; without one, neither has an
opportunity, since two events of a system that we don't own may rightly look alike. One opportunity a pair of
neighbouring events.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import NO_SEQUENCE, LiveHistory

UNDECLARED = "no pointer to sequence numbers is declared"


def duplicate(history: LiveHistory) -> Result:
    return _judged(history, "duplicate")


def order(history: LiveHistory) -> Result:
    return _judged(history, "order")


def _judged(history: LiveHistory, check: str) -> Result:
    result = Result()
    highest: dict[tuple[int, int], int] = {}
    seen: set[tuple[int, int, int]] = set()
    for row, sequence in enumerate(history.at_sequence):
        run, episode = history.at_run[row], history.at_episode[row]
        if sequence == NO_SEQUENCE or run < 0 or history.at_owner[row] != history.episodes[episode].user:
            continue
        place = (run, episode)
        before = highest.get(place)
        again = (run, episode, sequence) in seen
        seen.add((run, episode, sequence))
        highest[place] = sequence if before is None else max(before, sequence)
        if before is None:
            continue
        result.opportunities += 1
        user = history.users[history.episodes[episode].user]
        if check == "duplicate" and again:
            message = f"{user!r} was sent event {sequence} of run {history.runs[run].number} again on one connection"
        elif check == "order" and not again and sequence < before:
            message = f"{user!r} was sent event {sequence} of run {history.runs[run].number} after event {before}"
        else:
            continue
        result.violations.append(Violation(check, message, (user,), row, check, row))
    return result
