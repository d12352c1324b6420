"""What happened in one round of a live run: plain data in real seconds, which the live checks read.

It differs from `model.history` where a system that we don't own differs from one that we do. A publish is a user's
message that makes the server run an agent, and what arrives is the server's own making; so an event belongs to a *run*,
and whose it is has been found out on some *basis*: a canary in it, a run or thread id that only its owner has been
told, or the envelope. Seconds are monotonic and count from the beginning of the live run.

Deliveries are parallel columns, some forty bytes each. A long run is cut into rounds, each judged when all is quiet and
then forgotten (the journal on disk keeps it), so that memory doesn't grow with time.
"""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass, field

from crosstalk.model.golden_path import GOLDEN_PATH, Grammar

NEVER = math.inf
NO_BASIS, ENVELOPE, THREAD, RUN, CANARY = range(5)
BASES = ("nothing", "envelope", "thread id", "run id", "canary")
STARTING, STARTED, NOT_STARTED = range(3)
NO_SEQUENCE = -1 << 62
UNANSWERED = "left a ping unanswered"
PATIENCE = re.compile(
    r"rate.?limit\w*|too many \w+|too (?:fast|often)|slow down|throttled|quota|try again", re.IGNORECASE
)
"""Words by which a server says that its users ask too much at a time."""
READY = 1.0
"""Seconds after which a server should have noted a connection whose opening handshake it has completed."""


@dataclass(slots=True)
class LiveRun:
    """One agent run that a user asked for. `episode` is the connection it was asked for on, -1 for none."""

    user: int
    number: int
    episode: int
    started: float
    returned: float = NEVER
    status: int = STARTING
    completed: float = NEVER
    why: str = ""


@dataclass(slots=True)
class LiveEpisode:
    """A user's time on one connection. `excused` is when it ceased to be owed anything, and `why`.

    `first_event` is when the first event of a run arrived on it: from then on the server knows of it for certain.
    From `held` to `released` its user did not read, while others could have their runs, of `patience` seconds each.
    """

    user: int
    device: int
    connecting: float
    connected: float = NEVER
    first_event: float = NEVER
    leaving: float = NEVER
    left: float = NEVER
    excused: float = NEVER
    why: str = ""
    failed: str = ""
    lost: str = ""
    lost_by: str = ""
    answered: bool = False
    held: float = NEVER
    released: float = NEVER
    patience: float = 0.0


@dataclass(slots=True)
class LiveHistory:
    """One round. Columns `at_*` are of deliveries: seconds, episode, run, owner, named user, basis, type, sequence.

    -1 stands for none. `owner` is whose the event is: the receiver, or whoever else it was found to belong to; `named`
    is the simulated user that the envelope names; `at_type` is a number into `types`. An episode's `answered` says that
    a ping sent at the end of the round was answered, so that whatever the server had written on it has arrived. `late`
    is how long the client itself stood still in the round, where that is longer than a run or connection may take.
    `seconds` says whether times are in seconds, and not logical.
    """

    users: tuple[str, ...]
    number: int = 0
    grammar: Grammar = GOLDEN_PATH
    runs: list[LiveRun] = field(default_factory=list)
    episodes: list[LiveEpisode] = field(default_factory=list)
    types: list[str] = field(default_factory=lambda: [""])
    at_time: array[float] = field(default_factory=lambda: array("d"))
    at_episode: array[int] = field(default_factory=lambda: array("i"))
    at_run: array[int] = field(default_factory=lambda: array("i"))
    at_owner: array[int] = field(default_factory=lambda: array("i"))
    at_named: array[int] = field(default_factory=lambda: array("i"))
    at_basis: array[int] = field(default_factory=lambda: array("b"))
    at_type: array[int] = field(default_factory=lambda: array("H"))
    at_sequence: array[int] = field(default_factory=lambda: array("q"))
    excerpts: dict[int, str] = field(default_factory=dict)
    unread: list[tuple[float, int, str]] = field(default_factory=list)
    notes: list[tuple[float, int, str]] = field(default_factory=list)
    unclear: set[int] = field(default_factory=set)
    final_quiet: float = NEVER
    late: float = 0.0
    seconds: bool = True

    @property
    def deliveries(self) -> int:
        return len(self.at_time)

    def excuse(self, episode: int, time: float, why: str) -> None:
        """From `time` on nothing is owed to `episode`; the first reason counts."""
        known = self.episodes[episode]
        if time < known.excused:
            known.excused, known.why = time, why

    def healthy(self, episode: int) -> bool:
        """Whether the episode was open to the end, has no excuse, and has answered a ping at the end."""
        e = self.episodes[episode]
        return e.connected != NEVER and e.excused == NEVER and e.leaving > self.final_quiet and e.answered
