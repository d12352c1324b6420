"""Nothing stays behind when everybody has gone.

Tasks: fails when at the end of a run more tasks of one kind remain than the hub's own workers: one, or as many as
remain however many users there were; a task per departed user is a leak. Judged on runs with two episodes or more in
which every connect and disconnect returned. One opportunity a run that came to its end.

A disconnect that its caller cancels half-way has not been done: as anywhere in asyncio, who cancels it sees to the rest
(`asyncio.shield`, or calling it again). What it leaves behind accuses nobody, unless the broadcaster declares that it
leaves nothing (`cancelled_disconnect=yes`, as trio asks of every aclose); otherwise the verdict notes it. All other
promises hold on: the peer has gone, and nothing that is left may reach another user, keep an event from one, or hold up
a call.

Memory: judged on runs with a census, several counts of what is reachable from the broadcaster while users come and go
(or events pass). Fails when between all neighbouring counts it grew by at least GROWTH_OBJECTS objects, or
GROWTH_BYTES bytes, for each departed user (or event): a cache that fills up stops growing, a leak does not. Memory that
rises and falls by itself hides a leak between few counts: then more are taken. One opportunity a run with three counts.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from crosstalk.checks.result import Result
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import ACCEPTED, CANCELLED, PENDING, Call, History, Violation

GROWTH_OBJECTS = 0.9
GROWTH_BYTES = 300.0


def check(history: History) -> Result:
    result = Result()
    if not history.complete:
        return result
    if len(history.census) >= 3 and history.guarantees.growth:
        result.opportunities += 1
        _memory(history, result)
    if len(history.episodes) < 2:
        return result
    if not all(call.status == ACCEPTED or _may_end_so(call, history.guarantees) for call in history.calls):
        return result
    result.opportunities += 1
    if not history.leftover_tasks:
        return result
    for name, count in Counter(history.leftover_tasks).items():
        if count > history.workers.get(name, 1):
            message = f"{count} tasks of {name} remain after every user has gone"
            result.violations.append(Violation("cleanup", message, (), history.now, f"tasks {name}"))
    return result


def _may_end_so(call: Call, guarantees: Guarantees) -> bool:
    """Whether nothing may stay behind though the call did not return."""
    if call.kind == "disconnect":
        return call.status == CANCELLED and guarantees.cancelled_disconnect
    return call.kind == "publish" and call.status != PENDING


def rises_and_falls(history: History) -> bool:
    """Whether between some counts memory grew enough for a leak, and between others it did not: more may tell."""
    _, objects, size = _grown(history)
    return min(objects, default=0.0) < GROWTH_OBJECTS <= max(objects, default=0.0) or (
        min(size, default=0.0) < GROWTH_BYTES <= max(size, default=0.0)
    )


def _grown(history: History) -> tuple[str, list[float], list[float]]:
    """By how many objects and bytes memory grew between neighbouring counts, for each departed user or event."""
    objects, size = [], []
    cancelled = any(call.kind == "disconnect" and call.status == CANCELLED for call in history.calls)
    what = "user whose disconnect was cancelled" if cancelled else "departed user"
    for before, after in pairwise(history.census):
        units = after.departed - before.departed
        if not units:
            units, what = after.events - before.events, "event"
        if units <= 0:
            return what, [], []
        objects.append((after.objects - before.objects) / units)
        size.append((after.bytes - before.bytes) / units)
    return what, objects, size


def _memory(history: History, result: Result) -> None:
    what, objects, size = _grown(history)
    if objects and (min(objects) >= GROWTH_OBJECTS or min(size) >= GROWTH_BYTES):
        message = (
            f"memory grows with every {what}: {objects[-1]:.1f} objects and {size[-1]:.0f} bytes each "
            "remain reachable from the broadcaster; if that is meant, say --guarantee growth=no"
        )
        result.violations.append(Violation("cleanup", message, (), history.now, f"growth per {what}"))
