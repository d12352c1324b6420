"""What one connection of a user is sent, every other one is sent too, live.

Judged for runs that were owed to several connections (see `arrived`): fails when one of them lacks events of the run
that arrived at another. Only event types of the grammar count: what else a system sends may well be for one connection,
such as a receipt for who asked. A system that answers only the connection that asked is told by never having sent an
event to any other; there this check has no opportunity. One opportunity an event and a further connection.
"""

from __future__ import annotations

from collections import Counter

from crosstalk.checks.live.arrived import owed, received
from crosstalk.checks.result import Result
from crosstalk.model.history import Violation
from crosstalk.model.live_history import LiveHistory


def check(history: LiveHistory) -> Result:
    result = Result()
    arrived = received(history)
    places_of = owed(history)
    if not any(places_of.get(number) and place != places_of[number][0] for number, place in arrived):
        return result
    runs = {number: places for number, places in places_of.items() if len(places) > 1}
    counted = {number for number, type_ in enumerate(history.types) if type_ in history.grammar.alphabet}
    for number, places in runs.items():
        counts = [Counter(type_ for type_ in arrived.get((number, place), ()) if type_ in counted) for place in places]
        whole: Counter[int] = Counter()
        for count in counts:
            whole |= count
        run = history.runs[number]
        for place, count in zip(places, counts, strict=True):
            result.opportunities += whole.total() if place != places[0] else 0
            missing = whole - count
            if missing:
                user = history.users[run.user]
                names = ", ".join(history.types[type_] for type_ in sorted(missing))
                message = (
                    f"device {history.episodes[place].device} of {user!r} lacks {missing.total()} of {whole.total()} "
                    f"events of run {run.number} ({names}), which arrived on another device of that user"
                )
                result.violations.append(
                    Violation("delivery", message, (user,), -1, "lost on a device", run=number, episode=place)
                )
    return result
