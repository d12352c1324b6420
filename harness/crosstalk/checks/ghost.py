"""Nothing is sent to a connection that has been disconnected.

Fails when a send starts after that episode's disconnect returned, unless it had been scheduled by then (a task of
gather that starts within two iterations of the loop); and, where the broadcaster declares that it replays
nothing (`replay=no`), when an event is sent whose publishes had all returned before the connection began. One
opportunity a send in an episode that ended, and one a send where nothing is replayed.
"""

from __future__ import annotations

from crosstalk.checks.result import Result
from crosstalk.model.history import NEVER, History, Violation


def check(history: History) -> Result:
    result = Result()
    if not history.guarantees.replay:
        _replayed(history, result)
    left = [episode.left for episode in history.episodes]
    rows = zip(history.send_episode, history.send_frame, history.send_start, strict=True)
    opportunities = 0
    under_way = history.under_way
    begun: dict[int, int] = {}
    for row, (episode, number, start) in enumerate(rows):
        ended = left[episode]
        if ended == NEVER:
            continue
        opportunities += 1
        if start <= ended or row in under_way:
            continue
        frame = history.frames[number]
        receiver = history.episodes[episode].user
        if frame.content >= 0 and receiver not in history.contents[frame.content].users:
            continue  # that is isolation's to tell
        user = history.users[receiver]
        message = f"a send to {user!r} started after the disconnect of that connection had returned"
        begun = begun or _begun(history)
        if begun.get(frame.content, NEVER) < ended:
            message += "; its publish had begun before, and did not look again whether the connection was still there"
        result.violations.append(Violation("ghost", message, (user,), start, "ghost", row))
    result.opportunities += opportunities
    return result


def _begun(history: History) -> dict[int, int]:
    """When the first publish of each content began."""
    begun: dict[int, int] = {}
    for call in history.calls:
        if call.kind == "publish":
            begun.setdefault(call.content, call.started)
    return begun


def _replayed(history: History, result: Result) -> None:
    over: dict[int, int] = {}
    for call in history.calls:
        if call.content >= 0:
            over[call.content] = max(over.get(call.content, 0), call.returned)
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        content = history.frames[number].content
        if content < 0:
            continue
        result.opportunities += 1
        if over.get(content, NEVER) < history.episodes[episode].connecting:
            user = history.users[history.episodes[episode].user]
            message = f"{user!r} was sent an event on a connection that began after its publish had returned"
            result.violations.append(
                Violation("ghost", message, (user,), history.send_start[row], "before the connection", row)
            )
