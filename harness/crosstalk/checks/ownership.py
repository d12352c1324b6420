"""The envelope names the receiver.

Fails when a frame that carries an event of ours has a `user_id` that is another simulated user's, not the receiver's.
One opportunity a frame whose envelope names a simulated user.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import History, Violation


def check(history: History) -> Result:
    result = Result()
    users = history.users
    known = frozenset(users)
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        frame = history.frames[number]
        if frame.content < 0 or frame.owner not in known:
            continue
        if history.episodes[episode].user not in history.contents[frame.content].users:
            continue  # that is isolation's to tell
        result.opportunities += 1
        user = users[history.episodes[episode].user]
        if frame.owner != user:
            message = f"{user!r} was sent an envelope that names {frame.owner!r}"
            time = history.send_start[row]
            result.violations.append(Violation("ownership", message, (user, str(frame.owner)), time, "envelope", row))
    return result
