"""The envelope names the receiver.

Fails when a frame that carries an event of ours has a `user_id` that is another simulated user's, not the receiver's.
One opportunity a frame whose envelope names a simulated user.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import History, Violation


def check(history: History) -> Result:
    result = Result()
    numbers = {user: number for number, user in enumerate(history.users)}
    receivers = [episode.user for episode in history.episodes]
    named = [numbers.get(f.owner, -1) if f.content >= 0 and f.owner is not None else -1 for f in history.frames]
    opportunities = 0
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        owner = named[number]
        if owner < 0:
            continue
        user = receivers[episode]
        if user not in history.contents[history.frames[number].content].users:
            continue  # that is isolation's to tell
        opportunities += 1
        if owner != user:
            name, other = history.users[user], history.users[owner]
            message = f"{name!r} was sent an envelope that names {other!r}"
            time = history.send_start[row]
            result.violations.append(Violation("ownership", message, (name, other), time, "envelope", row))
    result.opportunities = opportunities
    return result
