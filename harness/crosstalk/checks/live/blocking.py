"""Whoever does not read holds up nobody else, live.

A user has one run, asks for more, stops reading, and reads on only when the runs of all others are complete or have had
their time. Fails when a run of another user, asked for meanwhile on a connection that stayed healthy, was complete only
after the reader read on (or was cut off), though it had had the seconds that a run may take. Where the reader's unread
runs one after the other, twice over, would take as long as that, nothing is judged: they may be what keeps the
server busy. One opportunity a run of another user's that was asked for meanwhile, where something had piled up.
"""

from __future__ import annotations

from crosstalk.checks.live.arrived import owed
from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import NEVER, LiveHistory

TIMES = 2.0


def check(history: LiveHistory) -> Result:
    result = Result()
    held = [(number, episode) for number, episode in enumerate(history.episodes) if episode.held != NEVER]
    runs = owed(history) if held else {}
    for number, reader in held:
        until = min(reader.released, reader.left)
        if until == NEVER:
            continue  # the round ended before it read on
        its = [run for run in history.runs if run.episode == number or (run.episode < 0 and run.user == reader.user)]
        usual = [run.completed - run.started for run in its if run.completed <= reader.held]
        if not usual or TIMES * len(its) * max(usual) > reader.patience:
            continue
        places = zip(history.at_episode, history.at_time, strict=True)
        piled_up = any(episode == number and time >= until for episode, time in places)
        for mine, places_owed in runs.items():
            run = history.runs[mine]
            if run.user == reader.user or not places_owed or not reader.held < run.started < until:
                continue
            waited = until - run.started
            if waited >= reader.patience and until <= run.completed < NEVER:
                names = (history.users[run.user], history.users[reader.user])
                message = (
                    f"a run of {names[0]!r} waited {waited:.1f} s while {names[1]!r} did not read, and was complete "
                    f"only when that connection read on or was cut off"
                )
                result.violations.append(
                    Violation("blocking", message, names, -1, "held up by a reader", run=mine, episode=number)
                )
                result.opportunities += 1
            elif piled_up:
                result.opportunities += 1
    return result
