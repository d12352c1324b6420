"""One run as a report shows it: plain data that goes with a verdict, small, and complete without the history.

A history is columns for checks to run over; a scene is what somebody wants to see of it: who connected, what was
published for whom, what was sent to which connection, what the world did meanwhile, and which of these is the culprit.
Times are the history's logical ones; -1 is "never". Numbers of users and connections index the scene's own tuples.

A live run has no logical time, so its moments are counted, and `clock` says at which second each was. There an event
stands for a whole agent run, which its user asked for; an arrival is one event of such a run, as it was received.
"""

from __future__ import annotations

from typing import Literal

import msgspec

NEVER_AGAIN = -1
Ending = Literal["ok", "raised", "cancelled", "pending"]


class Place(msgspec.Struct, frozen=True):
    """A line of the broadcaster's: `path` as somebody in the project's folder would type it."""

    path: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} in {self.function}"


class Connection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user's time on a socket. Since `excused` (it failed, stalled or was closed) it is owed nothing."""

    user: int
    device: str
    socket: int
    connecting: int
    connected: int = -1
    leaving: int = -1
    left: int = -1
    excused: int = -1


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call into the broadcaster: connect, disconnect, publish, or a probe (a publish of the harness at the end)."""

    kind: str
    user: int
    started: int
    returned: int = -1
    ending: Ending = "ok"
    connection: int = -1
    event: int = -1
    type: str = ""
    said: str = ""
    waits_at: str = ""


class Arrival(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frame sent to a connection: from the call of the send to its answer. `owner` is set where it is another's."""

    connection: int
    started: int
    ended: int = -1
    ending: Ending = "ok"
    events: tuple[int, ...] = ()
    quoted: tuple[int, ...] = ()
    owner: int = -1
    type: str = ""
    sample: str = ""
    place: Place | None = None


class Remark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the world did by itself: time that moved, a peer that vanished, a stall, a phase of the run."""

    time: int
    text: str


class Switch(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order to move users between OLD and NEW: when it came, and when the switch had done it."""

    time: int
    order: str
    done: int = -1
    ending: Ending = "ok"
    said: str = ""


class Culprit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What broke the rule: the arrival or act of that number, or one that is missing on `connection`."""

    kind: Literal["arrival", "act", "missing", "end"]
    time: int
    number: int = -1
    connection: int = -1


class Decision(msgspec.Struct, frozen=True):
    """A choice in which the passing schedule differs: what was open, and what each schedule let happen."""

    number: int
    time: int
    open: tuple[str, ...]
    failing: str
    passing: str


class Scene(msgspec.Struct, frozen=True, omit_defaults=True):
    users: tuple[str, ...]
    connections: tuple[Connection, ...] = ()
    acts: tuple[Act, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    remarks: tuple[Remark, ...] = ()
    culprit: Culprit | None = None
    left_out: int = 0
    owners: tuple[int, ...] = ()
    """`owners[e]` is the user that event e belongs to (the first, where it is addressed to several)."""
    clock: tuple[float, ...] = ()
    runs: tuple[int, ...] = ()
    """`runs[e]` is how the run that is event e is spoken of: its number among those of its user in that round."""
    others: int = 0
    """So many more users were there."""
    switches: tuple[Switch, ...] = ()
    """Of a cut-over: the orders to the switch."""

    @property
    def live(self) -> bool:
        return bool(self.clock)


class Exhibit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a violation is shown with. `passing` is the nearest run that keeps the rule, where one was found.

    It differs in `decisions`, and `still_broken` names the other checks that it breaks all the same. `tried` schedules
    were played to find it, and all that differ in at most `within` decisions are among them. `place` is the line to
    look at, `code` that line and those around it, with their numbers.
    """

    scene: Scene
    program: tuple[str, ...] = ()
    tape: tuple[int, ...] = ()
    passing: Scene | None = None
    decisions: tuple[Decision, ...] = ()
    place: Place | None = None
    still_broken: tuple[str, ...] = ()
    code: tuple[tuple[int, str], ...] = ()
    tried: int = 0
    within: int = 0

    @property
    def failing(self) -> tuple[tuple[int, str], ...]:
        """When the first of `decisions` was taken in the failing run, and what it let happen."""
        return tuple((decision.time, decision.failing) for decision in self.decisions[:1])
