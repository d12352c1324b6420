"""A run arrives whole and in order however its user's connections come and go, live.

While users are moved, a connection may end in the middle of a run and another go on with it. So a run is judged over
all connections of the device that asked: either one of them got the whole of it, or what came on one after the other
is, joined, whole and in order. What a new connection is shown again from the end of the one before counts once. Where
a run was not asked for on a connection, one device that got it is enough. Where events are declared to go to all
devices (`everywhere`), each one that was sent the first event of a run on a connection that its user didn't end is owed
all of it.

Not judged: a run that could not be asked for; one whose connection was lost before anything of it came, since its user
asks again; those of a device that was not connected at the end. One opportunity a run, and device that it is owed to.

A device's connections are numbered `each` apart (`scenarios.live.staying`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from crosstalk.checks.live.arrived import begun, received
from crosstalk.checks.result import Result
from crosstalk.model.golden_path import Grammar
from crosstalk.model.history import Violation
from crosstalk.model.live_history import STARTED, LiveHistory

WAYS = 16
"""Ways of joining what came on several connections that are tried."""


def check(history: LiveHistory, each: int = 1, everywhere: bool = False) -> Result:
    result = Result()
    places = [episode.device % each for episode in history.episodes]
    present = {
        (episode.user, places[number]) for number, episode in enumerate(history.episodes) if history.healthy(number)
    }
    came: dict[int, dict[int, list[list[str]]]] = defaultdict(lambda: defaultdict(list))
    begins: dict[int, set[int]] = defaultdict(set)
    arrived = received(history)
    for (of, episode), kinds in sorted(arrived.items()):  # connections are numbered as they are made
        names = [history.types[kind] for kind in kinds]
        stays = history.episodes[episode].leaving > history.final_quiet
        if stays and not came[of][places[episode]] and begun(history, arrived, of, episode):
            begins[of].add(places[episode])
        came[of][places[episode]].append([name for name in names if name in history.grammar.alphabet])
    last = {(of, places[on]): row for row, (of, on) in enumerate(zip(history.at_run, history.at_episode, strict=True))}
    for number, run in enumerate(history.runs):
        if run.status != STARTED or run.user in history.unclear or given_up(history, number, arrived):
            continue
        there = {place for user, place in present if user == run.user}
        asked = places[run.episode] if run.episode >= 0 else _best(history.grammar, came[number], there)
        for place in dict.fromkeys((asked, *(sorted(begins[number]) if everywhere else ()))):
            if place not in there:
                continue
            result.opportunities += 1
            pieces = came[number].get(place, [[]])
            if _whole(history.grammar, pieces):
                continue
            user = history.users[run.user]
            departure = history.grammar.departure([name for piece in pieces for name in piece])
            shown = " | ".join(", ".join(piece) or "nothing" for piece in pieces)
            on = f", on {len(pieces)} connections one after the other" if len(pieces) > 1 else ""
            where = "" if place == asked else " on another device than the one that asked"
            message = f"run {run.number} of {user!r} arrived as: {shown}{on}{where}; {departure}"
            cause = "incomplete" if "nothing more" in (departure or "") else "grammar"
            row = last.get((number, place), -1)
            result.violations.append(Violation("carried", message, (user,), row, cause, row, run=number))
    return result


def _best(grammar: Grammar, came: dict[int, list[list[str]]], there: set[int]) -> int:
    """A device that got the whole run, of those that are there; else any of them."""
    whole = (place for place in sorted(there) if place in came and _whole(grammar, came[place]))
    return next(whole, min(there & came.keys() or there, default=-1))


def _whole(grammar: Grammar, pieces: list[list[str]]) -> bool:
    return any(grammar.accepts(way) for way in (*pieces, *joined(pieces)))


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
