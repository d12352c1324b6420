"""No user receives what belongs to another, live.

Fails when a frame arrives on a connection of B with a canary of A anywhere in it, or with a run or thread id that only
A has been told; and, where neither is known, when the envelope of an agent event names A. One opportunity a frame whose
owner could be found out. A frame that nothing tells the owner of is no opportunity, and is counted elsewhere.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import BASES, CANARY, LiveHistory


def check(history: LiveHistory) -> Result:
    result = Result()
    users, episodes = history.users, history.episodes
    seen: set[tuple[int, int, int]] = set()
    for row, (episode, owner) in enumerate(zip(history.at_episode, history.at_owner, strict=True)):
        if owner < 0:
            continue
        result.opportunities += 1
        receiver = episodes[episode].user
        if owner == receiver:
            continue
        basis = history.at_basis[row]
        if (owner, receiver, basis) in seen:
            continue  # the same again: one picture of it is enough
        seen.add((owner, receiver, basis))
        type_ = history.types[history.at_type[row]] or "a frame"
        message = f"{users[receiver]!r} was sent {type_}, which belongs to {users[owner]!r} by its {BASES[basis]}"
        cause = "leak" if basis == CANARY else f"leak by {BASES[basis]}"
        concerned = (users[owner], users[receiver])
        result.violations.append(Violation("isolation", message, concerned, row, cause, row))
    return result
