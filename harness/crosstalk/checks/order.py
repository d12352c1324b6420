"""One connection sees a user's events in the order in which they were published.

Fails when in one episode the first send of e2 starts before that of e1, though e1's publish returned before e2's
began; where calls promise their order (`concurrent_order`), though e1's was called before e2's. Contents published
more than once are skipped. One opportunity a pair of neighbouring sends.

Where a user logs in again on the very same socket, what was published for the first log-in may still be under way: the
connection sees it, in the wrong order, and the message says which log-in it was for.
"""

from __future__ import annotations

from crosstalk.checks import answers
from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, Episode, History, Violation


def check(history: History) -> Result:
    if history.answers is not None:
        return answers.judged(history, history.answers, "order")
    result = Result()
    publish = {}
    for call in history.calls:
        if call.kind == "publish" and history.contents[call.content].publishes == 1:
            publish[call.content] = call
    in_call_order = history.guarantees.concurrent_order
    carried = [frame.carried for frame in history.frames]
    latest: dict[int, int] = {}
    seen: set[int] = set()
    size = len(history.contents)
    opportunities = 0
    for row, (episode, number) in enumerate(zip(history.send_episode, history.send_frame, strict=True)):
        for content in carried[number]:
            sent = publish.get(content)
            key = episode * size + content
            if sent is None or key in seen:
                continue
            seen.add(key)
            started = sent.started
            before = latest.get(episode)
            if before is None:
                latest[episode] = started
                continue
            opportunities += 1
            if started > before:
                latest[episode] = started
            elif sent.status == ACCEPTED and (started if in_call_order else sent.returned) < before:
                user = history.users[history.episodes[episode].user]
                message = f"{user!r} was sent an earlier event after a later one"
                if _for_an_earlier_login(history.episodes, episode, started):
                    message += ", published for an earlier log-in on the same socket"
                time = history.send_start[row]
                result.violations.append(Violation("order", message, (user,), time, "order", row))
    result.opportunities = opportunities
    return result


def _for_an_earlier_login(episodes: list[Episode], number: int, started: int) -> bool:
    now = episodes[number]
    return started < now.connecting and any(
        e.socket == now.socket and e.user == now.user and e.connecting < started for e in episodes[:number]
    )
