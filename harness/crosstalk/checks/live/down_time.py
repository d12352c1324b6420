"""How long each user was without the service, live.

A user is down from the moment when its last connection was ended by the other side, or by the network, until its next
one is open; and from asking for a run, whose connection was lost before anything of it came, until it could ask again.
That it ends a connection itself is no down-time. Fails when a user, or one of its devices alone, was down for longer
than `limit` seconds, or to the end. One opportunity a user that was ever connected.

A device's connections are numbered `each` apart (`scenarios.live.staying`).
"""

from __future__ import annotations

from collections import defaultdict

from crosstalk.checks.live.carried import given_up
from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import NEVER, STARTED, LiveEpisode, LiveHistory

Span = tuple[float, float]


def spans(history: LiveHistory) -> dict[int, list[Span]]:
    """When each user that was ever connected was down, from and to; to the end of the round at the latest."""
    found = {user: gaps for (user, _), gaps in of_devices(history, 1).items()}
    heard = set(zip(history.at_run, history.at_episode, strict=True))
    for number, run in enumerate(history.runs):
        if run.status == STARTED and run.user in found and given_up(history, number, heard):
            found[run.user].append((run.started, min(_could_ask(history, number), history.final_quiet)))
    return found


def _could_ask(history: LiveHistory, run: int) -> float:
    """When its user was connected again, or still was otherwise, after the connection was lost that asked for `run`."""
    lost = history.episodes[history.runs[run].episode].left
    mine = (e for e in history.episodes if e.user == history.runs[run].user and e.connected != NEVER and e.left > lost)
    return min((max(episode.connected, lost) for episode in mine), default=history.final_quiet)


def of_devices(history: LiveHistory, each: int) -> dict[tuple[int, int], list[Span]]:
    """When each device (user, place) that was ever connected was not, by no will of its user."""
    mine: dict[tuple[int, int], list[LiveEpisode]] = defaultdict(list)
    for episode in history.episodes:
        if episode.connected != NEVER:
            mine[episode.user, episode.device % each].append(episode)
    return {device: _gaps(episodes, history.final_quiet) for device, episodes in mine.items()}


def _gaps(episodes: list[LiveEpisode], end: float) -> list[Span]:
    gaps = []
    until, lost = episodes[0].connected, False
    for episode in sorted(episodes, key=lambda episode: episode.connected):
        if lost and episode.connected > until:
            gaps.append((until, episode.connected))
        if episode.left >= until:
            until, lost = episode.left, bool(episode.lost_by)
    if lost and until < end:
        gaps.append((until, end))
    return gaps


def check(history: LiveHistory, limit: float, each: int = 1) -> Result:
    result = Result()
    down = spans(history)
    result.opportunities = len(down)
    devices = ((user, gaps) for (user, _), gaps in of_devices(history, each).items())
    seen: set[int] = set()
    for whose, found in (("", down.items()), ("a device of ", devices)):
        for user, gaps in found:
            longest = max(gaps, key=lambda span: span[1] - span[0], default=(0.0, 0.0))
            seconds = longest[1] - longest[0]
            if user in seen or not (seconds > limit or longest[1] == history.final_quiet):
                continue
            seen.add(user)
            name = history.users[user]
            to = "to the end" if longest[1] == history.final_quiet else f"to {longest[1]:.3f} s"
            message = f"{whose}{name!r} was without a connection for {seconds:.3f} s, from {longest[0]:.3f} s {to}"
            cause = "stuck" if longest[1] == history.final_quiet else "too long"
            before = _last_before(history, user, longest[0])
            result.violations.append(Violation("down_time", message, (name,), before, cause, before))
    return result


def _last_before(history: LiveHistory, user: int, time: float) -> int:
    """The last delivery to the user before `time`, -1 for none."""
    rows = zip(history.at_time, history.at_episode, strict=True)
    mine = (row for row, (at, of) in enumerate(rows) if at <= time and history.episodes[of].user == user)
    return max(mine, default=-1)
