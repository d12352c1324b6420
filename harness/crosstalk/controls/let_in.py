"""The sabotage of the check `authentication`: as if the server had let everybody in, on its own answers.

Each answer is replaced by the one that good credentials got, and each secret kept is told to the other user. A check
that does not call each of these a violation can't see on this server.
"""

from __future__ import annotations

from msgspec.structs import replace

from crosstalk.checks.authentication import check, decided
from crosstalk.model.attempt import Attempt, Attempts, Heard


def let_everybody_in(attempts: Attempts) -> Attempts:
    return replace(attempts, attempts=tuple(_let_in(attempt) for attempt in attempts.attempts))


def _let_in(attempt: Attempt) -> Attempt:
    if not attempt.owner:
        return replace(attempt, answer=attempt.allowed)
    told = tuple(Heard(attempt.user, heard.owner) for heard in attempt.allowed.heard if heard.owner == attempt.owner)
    return replace(attempt, answer=replace(attempt.allowed, heard=told))


def caught(attempts: Attempts) -> bool:
    """Whether the check sees the sabotage in every attempt that it has decided."""
    seen = [attempt for attempt in attempts.attempts if decided(attempt)[0] is not None]
    sabotaged = let_everybody_in(replace(attempts, attempts=tuple(seen)))
    return bool(seen) and len(check(sabotaged).violations) == len(seen)
