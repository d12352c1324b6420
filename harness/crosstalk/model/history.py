"""What happened in one run, in logical time: plain data that checks read and nothing else writes.

Logical time is a counter that grows by one with every record; virtual seconds are kept beside it only for showing.
Users, episodes and publishes are known by serial numbers, never by the objects of the run. An *episode* is a (user,
socket) pair from connect to disconnect. Deliveries are kept as parallel columns, which is what makes a million of
them cheap: lists, which are written and read three times as fast as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from crosstalk.model.guarantees import Guarantees
from crosstalk.model.live_history import LiveHistory

LENIENT = Guarantees()
PENDING, ACCEPTED, FAILED, CANCELLED = 0, 1, 2, 3
NEVER = 1 << 60


class Call(msgspec.Struct):
    """One call into the broadcaster. `status`: PENDING, ACCEPTED (returned), FAILED (raised) or CANCELLED.

    `episode` is the connection that it makes or ends, or on which a user's message was said. `changed` is what it did
    to the very event that it was given, where snapshots are promised.
    """

    kind: str
    user: int
    started: int
    episode: int = -1
    content: int = -1
    returned: int = NEVER
    status: int = PENDING
    value: Any = None
    error: str = ""
    excused: bool = False
    probe: bool = False
    where: str = ""
    changed: str = ""


class Episode(msgspec.Struct):
    """A user's time on a socket. Times are logical; NEVER where it did not happen."""

    user: int
    socket: int
    device: str
    connecting: int
    connected: int = NEVER
    leaving: int = NEVER
    left: int = NEVER
    excused: int = NEVER
    refused: bool = False


class Frame(msgspec.Struct):
    """What one distinct payload says. `content` is its own canary's, `others` those quoted besides; -1 is none.

    `batch` holds the contents of several whole events in their order, where it carries more than one; `altered` names
    the published fields that differ. `text` is the beginning of what was sent; where that is an event just as it was
    published, `event` is that. `json` says whether it is JSON.
    """

    content: int
    others: tuple[int, ...] = ()
    foreign: tuple[str, ...] = ()
    type: str = ""
    owner: str | None = None
    altered: str = ""
    text: str = ""
    batch: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    event: Mapping[str, Any] | None = None
    json: bool = True

    @property
    def sample(self) -> str:
        """The beginning of what was sent."""
        return self.text if self.event is None else msgspec.json.encode(self.event).decode()[:400]

    @property
    def carried(self) -> tuple[int, ...]:
        """The contents whose whole events this frame carries, in their order."""
        return self.batch or ((self.content,) if self.content >= 0 else ())


class Content(msgspec.Struct):
    """One published event as it was at the call: whom it is addressed to, its run and type, its canary."""

    users: frozenset[int]
    run: int
    type: str
    token: str
    publishes: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """One census: how many users had departed and events passed, and what was reachable from the broadcaster."""

    departed: int
    events: int
    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of the runs that messages started: as a live history, and the row of each of its deliveries."""

    history: LiveHistory
    rows: tuple[int, ...]


@dataclass(slots=True)
class History:
    """One run. `send_*` are the columns of deliveries: episode, frame, start, end (logical), status."""

    users: tuple[str, ...]
    now: int = 0
    calls: list[Call] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    send_episode: list[int] = field(default_factory=list)
    send_frame: list[int] = field(default_factory=list)
    send_start: list[int] = field(default_factory=list)
    send_end: list[int] = field(default_factory=list)
    send_status: list[int] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    # the picture at quiet with stalls held: calls still pending of users without a stalled socket, and those users
    unstalled: frozenset[int] = frozenset()
    blocked_calls: tuple[int, ...] = ()
    stalled_quiet: int = NEVER
    # at rest after the program, everything healed, before everybody is probed
    rest: int = NEVER
    final_quiet: int = NEVER
    leftover_tasks: tuple[str, ...] = ()
    # how many tasks of a kind the broadcaster keeps as its own workers, where that is more than one
    workers: Mapping[str, int] = field(default_factory=dict)
    # rows of sends that had been scheduled when their connection's disconnect returned
    under_way: set[int] = field(default_factory=set)
    crashes: list[str] = field(default_factory=list)
    # what the broadcaster asked a connection for that it has not
    lacking: set[str] = field(default_factory=set)
    complete: bool = False
    # where the application makes the events itself
    answers: Answers | None = None
    census: list[Count] = field(default_factory=list)
    guarantees: Guarantees = LENIENT

    @property
    def blocked(self) -> bool:
        """Whether the broadcaster kept the thread for itself: each such run takes seconds."""
        return any("kept the thread" in crash for crash in self.crashes)

    def tick(self) -> int:
        self.now += 1
        return self.now

    def note(self, text: str) -> None:
        self.notes.append((self.tick(), text))


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: which check, in words, the users concerned, when, and the deliveries (row numbers) meant.

    `cause` is what distinct defects are told apart by; it names no user and no time. `run` and `episode` are those of a
    live round that it is about.
    """

    check: str
    message: str
    users: tuple[str, ...]
    time: int
    cause: str
    send: int = -1
    run: int = -1
    episode: int = -1
