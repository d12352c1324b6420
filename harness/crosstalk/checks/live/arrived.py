"""What arrived of each run on each connection: what the live golden path and delivery both ask.

Only connections count to which the whole run was owed: of the run's user, healthy to the end, and there before the run
was asked for. The connection that asked was there for certain, and so was any other on which an event of an earlier run
or the beginning of this one had arrived. One that only later got its first event may have been noted late, which is no
fault; one that never got any was there when it had been open for `READY` seconds.
"""

from __future__ import annotations

from collections import defaultdict

from crosstalk.model.live_history import NEVER, READY, STARTED, LiveHistory

UNCLEAR = "events do not tell which of a user's runs they are of: --read run=POINTER, where they do"


def owed(history: LiveHistory) -> dict[int, list[int]]:
    """For each run that was surely asked for, the connections that it was owed to; the one that asked comes first."""
    healthy: dict[int, list[int]] = defaultdict(list)
    for number, episode in enumerate(history.episodes):
        if history.healthy(number):
            healthy[episode.user].append(number)
    arrived = received(history)
    found: dict[int, list[int]] = {}
    for number, run in enumerate(history.runs):
        if run.status != STARTED or run.user in history.unclear:
            continue
        if run.episode >= 0 and run.episode not in healthy[run.user]:
            continue  # whoever leaves or is cut off may have the run taken back
        others = []
        for candidate in healthy[run.user]:
            episode = history.episodes[candidate]
            silent = episode.first_event == NEVER
            there = episode.connected + READY if silent else episode.first_event
            if candidate != run.episode and (there < run.started or begun(history, arrived, number, candidate)):
                others.append(candidate)
        found[number] = [run.episode, *others] if run.episode >= 0 else others
    return found


def begun(history: LiveHistory, arrived: dict[tuple[int, int], list[int]], run: int, episode: int) -> bool:
    """Whether the very first event of the run arrived there, so that the connection was known before it began."""
    start, *later = history.grammar.table
    names = (history.types[type_] for type_ in arrived.get((run, episode), ()))
    first = next((name for name in names if name in history.grammar.alphabet), "")
    return first in start and not any(first in row for row in later)


def received(history: LiveHistory) -> dict[tuple[int, int], list[int]]:
    """(run, connection) -> the event types that arrived of it there, as numbers, in their order."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for run, episode, type_, owner in zip(
        history.at_run, history.at_episode, history.at_type, history.at_owner, strict=True
    ):
        if run < 0:
            continue
        user = history.runs[run].user
        if owner in (-1, user) and history.episodes[episode].user == user:
            found[run, episode].append(type_)
    return found
