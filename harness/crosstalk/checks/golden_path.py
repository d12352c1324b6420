"""Every run arrives in Golden Path order, and complete.

Judged per unexcused episode that was open before the run began and to the end, for runs whose publishes were made one
after another, all returned, and are themselves a word of the grammar. A run of which an episode was sent a frame with
several events that can't be taken apart is not judged there. One opportunity a run and such episode.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, NEVER, Call, History, Violation


def check(history: History) -> Result:
    result = Result()
    runs: dict[tuple[int, int], list[Call]] = defaultdict(list)
    for call in history.calls:
        if call.kind == "publish" and not call.probe and history.contents[call.content].run:
            runs[call.user, history.contents[call.content].run].append(call)
    if not runs:
        return result
    grammar = history.guarantees.grammar
    judged = _judged(history)
    received = _received(history, {number for numbers in judged.values() for number in numbers})
    for (user, run), calls in runs.items():
        episodes = judged.get(user, ())
        if not episodes or any(c.status != ACCEPTED for c in calls):
            continue
        in_turn = all(a.returned < b.started for a, b in pairwise(calls))
        sent = [history.contents[c.content].type for c in calls]
        if not in_turn or not grammar.accepts(sent):
            continue
        for number in episodes:
            if history.episodes[number].connected >= calls[0].started:
                continue
            got = received.get((number, run), [])
            if _UNCLEAR in got:
                continue
            result.opportunities += 1
            departure = None if got == sent else grammar.departure(got)
            if departure is not None:
                name = history.users[user]
                shown = ", ".join(got) or "nothing"
                result.violations.append(
                    Violation(
                        "golden_path",
                        f"run {run} of {name!r} arrived as: {shown}; "
                        f"it was published as: {', '.join(sent)}; {departure}",
                        (name,),
                        history.final_quiet,
                        "grammar",
                    )
                )
    return result


_UNCLEAR = "several events in one"


def _received(history: History, judged: set[int]) -> dict[tuple[int, int], list[str]]:
    """The event types of each run that each of the judged episodes was sent, in their order."""
    received: dict[tuple[int, int], list[str]] = defaultdict(list)
    contents, frames, episodes = history.contents, history.frames, history.episodes
    for sent_to, number, status in zip(history.send_episode, history.send_frame, history.send_status, strict=True):
        if status != ACCEPTED or sent_to not in judged:
            continue
        frame = frames[number]
        carried = frame.batch or (frame.content,)
        if frame.content < 0 and len(frame.others) > 1:
            for which in frame.others:
                received[sent_to, contents[which].run].append(_UNCLEAR)
        for place, which in enumerate(carried):
            if which >= 0:
                content = contents[which]
                if content.run and episodes[sent_to].user in content.users:
                    type_ = (frame.types[place] if frame.batch else frame.type) or content.type
                    received[sent_to, content.run].append(type_)
    return received


def _judged(history: History) -> dict[int, list[int]]:
    """The episodes of each user that were open and unexcused at the end."""
    judged: dict[int, list[int]] = defaultdict(list)
    if history.final_quiet != NEVER:
        for number, episode in enumerate(history.episodes):
            if episode.excused > history.final_quiet and episode.leaving >= history.final_quiet:
                judged[episode.user].append(number)
    return judged
