"""The envelope names the receiver, live.

Fails when an event that by its canary, run or thread id belongs to the receiver has an envelope that names another
simulated user. One opportunity an event of the receiver's own whose envelope names a simulated user.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import ENVELOPE, LiveHistory


def check(history: LiveHistory) -> Result:
    result = Result()
    for row, named in enumerate(history.at_named):
        receiver = history.episodes[history.at_episode[row]].user
        if named < 0 or history.at_basis[row] <= ENVELOPE or history.at_owner[row] != receiver:
            continue
        result.opportunities += 1
        if named != receiver:
            names = (history.users[receiver], history.users[named])
            message = f"{names[0]!r} was sent an event of its own in an envelope that names {names[1]!r}"
            result.violations.append(Violation("ownership", message, names, row, "envelope", row))
    return result
