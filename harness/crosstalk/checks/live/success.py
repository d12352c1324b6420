"""Enough of what was tried succeeds, live: connections open and stay, and runs are completed.

One opportunity an attempt to connect, one a connection that nobody meant to end, and one a run that was asked for on a
connection that stayed. How many must succeed is declared; failures within that are counted and shown. In a round in
which the client itself stood still, running out of time is no failure. A server that says that its users ask too much
at a time has not failed: how often it did is counted apart.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from crosstalk.checks.live.arrived import owed
from crosstalk.model.live_history import NEVER, PATIENCE, UNANSWERED, LiveHistory


class Failure(NamedTuple):
    """Why something failed, for which user (a number of the history), and at which second."""

    why: str
    user: int
    at: float


def tried(history: LiveHistory) -> tuple[int, Counter[str]]:
    """How much was tried, and how much of it failed for which reason."""
    attempts, failures = failed(history)
    return attempts, Counter(failure.why for failure in failures)


def failed(history: LiveHistory) -> tuple[int, list[Failure]]:
    """How much was tried, and what of it failed."""
    attempts = 0
    failures: list[Failure] = []
    in_time = not history.late
    for episode in history.episodes:
        attempts += 1
        if episode.connected == NEVER:
            if episode.failed and (in_time or " within " not in episode.failed):
                failures.append(Failure(f"could not connect: {episode.failed}", episode.user, episode.left))
            continue
        attempts += 1
        if PATIENCE.search(episode.lost):
            continue
        if episode.lost and episode.excused >= episode.left:
            failures.append(Failure(f"a connection was lost: {episode.lost}", episode.user, episode.left))
        elif episode.why == UNANSWERED and in_time:
            failures.append(Failure(f"a connection {UNANSWERED}", episode.user, episode.excused))
    for number, places in owed(history).items():
        if not places:
            continue  # its user had left, and nobody could see it completed
        attempts += 1
        run = history.runs[number]
        if run.completed == NEVER and in_time:
            failures.append(Failure("a run was not completed", run.user, run.started))
    for run in history.runs:
        if run.why and (in_time or "in time" not in run.why) and not PATIENCE.search(run.why):
            attempts += 1
            failures.append(Failure(f"a run could not be started: {run.why}", run.user, run.returned))
    return attempts, failures


def put_off(history: LiveHistory) -> int:
    """How often the server said that a user asked too much at a time, be it by a frame or in closing the connection."""
    reasons = [*(episode.lost for episode in history.episodes), *(run.why for run in history.runs)]
    return sum(PATIENCE.search(reason) is not None for reason in reasons)
