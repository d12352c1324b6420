"""What arrives is what was published, as it was at the call.

Added fields and wrapping are free; a published field that is missing or differs is not. One opportunity a frame that
carries an event of ours.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import History, Violation


def check(history: History) -> Result:
    result = Result()
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        frame = history.frames[number]
        if frame.content < 0:
            continue
        result.opportunities += 1
        if frame.altered:
            user = history.users[history.episodes[episode].user]
            message = f"{user!r} was sent an event whose {frame.altered} differ from what was published"
            result.violations.append(
                Violation("integrity", message, (user,), history.send_start[row], f"altered {frame.altered}", row)
            )
    return result
