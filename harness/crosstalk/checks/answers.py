"""Where an application makes the events itself, they are judged by their runs, as on a live system."""

from __future__ import annotations

from dataclasses import replace

from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.checks.result import Result
from crosstalk.model.history import Answers, History


def judged(history: History, answers: Answers, check: str) -> Result:
    """What the live check of that name says, in the times and rows of `history`."""
    result = LIVE_CHECKS[check](answers.history)
    for number, violation in enumerate(result.violations):
        last, row = (answers.rows[at] if at >= 0 else -1 for at in (violation.time, violation.send))
        time = history.send_start[last] if last >= 0 else history.rest
        result.violations[number] = replace(violation, time=time, send=row, run=-1, episode=-1)
    return result
