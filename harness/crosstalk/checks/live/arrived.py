"""What arrived of each run on each connection: what the live golden path and delivery both ask.

Only connections count to which the whole run was owed: of the run's user, healthy to the end, and there before the run
was asked for. The connection that asked was there for certain; of any other the server must have had time to take note,
so it was open for `READY` seconds, or something had arrived on it.
"""

from __future__ import annotations

from collections import defaultdict

from crosstalk.model.live_history import READY, STARTED, LiveHistory


def owed(history: LiveHistory) -> dict[int, list[int]]:
    """For each run that was surely asked for, the connections that it was owed to; the one that asked comes first."""
    healthy: dict[int, list[int]] = defaultdict(list)
    for number, episode in enumerate(history.episodes):
        if history.healthy(number):
            healthy[episode.user].append(number)
    found: dict[int, list[int]] = {}
    for number, run in enumerate(history.runs):
        if run.status != STARTED or run.user in history.unclear:
            continue
        if run.episode >= 0 and run.episode not in healthy[run.user]:
            continue  # whoever leaves or is cut off may have the run taken back
        others = []
        for candidate in healthy[run.user]:
            episode = history.episodes[candidate]
            there = min(episode.first_frame, episode.connected + READY)
            if candidate != run.episode and there < run.started:
                others.append(candidate)
        found[number] = [run.episode, *others] if run.episode >= 0 else others
    return found


def received(history: LiveHistory) -> dict[tuple[int, int], list[int]]:
    """(run, connection) -> the event types that arrived of it there, as numbers, in their order."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for run, episode, type_, owner in zip(
        history.at_run, history.at_episode, history.at_type, history.at_owner, strict=True
    ):
        if run >= 0 and owner == history.episodes[episode].user == history.runs[run].user:
            found[run, episode].append(type_)
    return found
