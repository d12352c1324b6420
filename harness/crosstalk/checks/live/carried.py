"""A run arrives whole and in order however its user's connections come and go, live.

While users are moved, a connection may end in the middle of a run and another go on with it. So a run is judged over
all connections of its user: either one of them got the whole of it, or what came on one after the other is, joined,
whole and in order. What a new connection is shown again from the end of the one before counts once.

Not judged: a run that could not be asked for; one whose connection was lost before anything of it came, since its user
asks again; those of a user that was not connected at the end. One opportunity a run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from crosstalk.checks.live.arrived import received
from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import STARTED, LiveHistory

WAYS = 16
"""Ways of joining what came on several connections that are tried."""


def check(history: LiveHistory) -> Result:
    result = Result()
    present = {episode.user for number, episode in enumerate(history.episodes) if history.healthy(number)}
    came: dict[int, list[list[str]]] = defaultdict(list)
    arrived = received(history)
    for (of, _), kinds in sorted(arrived.items()):  # connections are numbered as they are made
        names = [history.types[kind] for kind in kinds]
        came[of].append([name for name in names if name in history.grammar.alphabet])
    last = {of: row for row, of in enumerate(history.at_run)}
    for number, run in enumerate(history.runs):
        if run.status != STARTED or run.user in history.unclear or run.user not in present:
            continue
        if given_up(history, number, arrived):
            continue
        result.opportunities += 1
        pieces = came.get(number, [[]])
        if any(history.grammar.accepts(way) for way in (*pieces, *joined(pieces))):
            continue
        user = history.users[run.user]
        departure = history.grammar.departure([name for piece in pieces for name in piece])
        shown = " | ".join(", ".join(piece) or "nothing" for piece in pieces)
        on = f", on {len(pieces)} connections one after the other" if len(pieces) > 1 else ""
        message = f"run {run.number} of {user!r} arrived as: {shown}{on}; {departure}"
        cause = "incomplete" if "nothing more" in (departure or "") else "grammar"
        row = last.get(number, -1)
        result.violations.append(Violation("carried", message, (user,), row, cause, row))
    return result


def given_up(history: LiveHistory, run: int, arrived: Container[tuple[int, int]]) -> bool:
    """Whether the connection on which a run was asked for was lost before anything of it came there.

    `arrived` holds the runs and connections of which anything came together.
    """
    episode = history.runs[run].episode
    return episode >= 0 and (run, episode) not in arrived and bool(history.episodes[episode].lost_by)


def joined(pieces: list[list[str]]) -> list[list[str]]:
    """What came on several connections as one: plainly, and without what the next one showed again."""
    ways: list[list[str]] = [[]]
    for piece in pieces:
        longer = []
        for way in ways:
            again = [n for n in range(min(len(way), len(piece)) + 1) if way[len(way) - n :] == piece[:n]]
            longer += [way + piece[n:] for n in again]
        ways = longer[:WAYS]
    return ways
