"""Every run arrives in Golden Path order, and complete.

Judged per unexcused episode that was open before the run began and to the end, for runs whose publishes were made one
after another, all returned, and are themselves a word of the grammar. A run of which an episode was sent a frame with
several events that can't be taken apart is not judged there. One opportunity a run and such episode.
"""

from __future__ import annotations

from collections import defaultdict

from crosstalk.checks import answers
from crosstalk.checks.owed import is_open
from crosstalk.checks.result import Result
from crosstalk.model.history import ACCEPTED, NEVER, Call, History, Violation


def check(history: History) -> Result:
    if history.answers is not None:
        return answers.judged(history, history.answers, "golden_path")
    result = Result()
    runs = judged_runs(history)
    if not runs:
        return result
    grammar = history.guarantees.grammar
    received = _received(history, {number for _, numbers in runs for number in numbers})
    for calls, numbers in runs:
        user, run = calls[0].user, history.contents[calls[0].content].run
        sent = [history.contents[call.content].type for call in calls]
        for number in numbers:
            got = received.get((number, run), [])
            if got != sent and _UNCLEAR in got:
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


def judged_runs(history: History) -> list[tuple[list[Call], list[int]]]:
    """The publishes of each run that is judged, and the episodes it is judged in, one or more."""
    contents = history.contents
    runs: dict[tuple[int, int], list[Call]] = {}
    for call in history.calls:
        if call.kind == "publish" and not call.probe and (run := contents[call.content].run):
            key = call.user, run
            calls = runs.get(key)
            if calls is None:
                runs[key] = [call]
            else:
                calls.append(call)
    if not runs:
        return []
    accepts = history.guarantees.grammar.accepts
    words: dict[tuple[str, ...], bool] = {}
    judged: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if history.final_quiet != NEVER:
        for number, episode in enumerate(history.episodes):
            if is_open(episode, history.final_quiet):
                judged[episode.user].append((number, episode.connected))
    found = []
    for (user, _), calls in runs.items():
        first = calls[0].started
        numbers = [number for number, connected in judged.get(user, ()) if connected < first]
        if not numbers or not _in_turn(calls):
            continue
        word = tuple([contents[call.content].type for call in calls])
        accepted = words.get(word)
        if accepted is None:
            accepted = words[word] = accepts(word)
        if accepted:
            found.append((calls, numbers))
    return found


def _in_turn(calls: list[Call]) -> bool:
    """Whether each returned normally, before the next began."""
    before = -1
    for call in calls:
        if call.status != ACCEPTED or call.started <= before:
            return False
        before = call.returned
    return True


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
