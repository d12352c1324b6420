"""OLD and NEW: what `crosstalk compare`, `equivalent` and `cutover` came to, as their JSON files hold it."""

from __future__ import annotations

import msgspec

from crosstalk.model.scene import Scene
from crosstalk.model.verdict import Control, FoundViolation, Outcome

MEASURES = {
    "publish": ("a publish takes", 1e6, "us"),
    "delivery": ("an event arrives after", 1e6, "us"),
    "delivery_p99": ("99 of 100 arrive within", 1e6, "us"),
    "cpu": ("processor time an event", 1e6, "us"),
    "per_second": ("events a second", 1.0, ""),
    "retained": ("memory kept for a connection", 1.0, "B"),
    "peak": ("memory at its peak, a connection", 1.0, "B"),
    "left_over": ("memory left when it has gone", 1.0, "B"),
    "tasks": ("tasks a connection", 1.0, ""),
    "objects": ("objects a connection", 1.0, ""),
}
"""What is measured: in words, a factor to its unit, and that."""
LEVEL = 0.99
"""How sure the intervals of a ratio are."""


class Measured(msgspec.Struct, frozen=True):
    """One measure at one number of users: medians of both, and NEW divided by OLD with its interval."""

    measure: str
    users: int
    old: float
    new: float
    ratio: float
    low: float
    high: float
    word: str


class Judged(msgspec.Struct, frozen=True):
    """A goal: which measure, the wanted share, the outcome, and how many more rounds would tell."""

    measure: str
    share: float
    outcome: str
    more: int


class Comparison(msgspec.Struct, frozen=True):
    verdict: Outcome
    old: str
    new: str
    rounds: int
    measured: tuple[Measured, ...]
    goals: tuple[Judged, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    schema: int = 1


class Difference(msgspec.Struct, frozen=True):
    """One distinct difference. `old_breaks` and `new_breaks` are guarantees broken there, in words.

    `old_scene` and `new_scene` are the same program on both; their culprit is what differs.
    """

    kind: str
    situation: str
    old: str
    new: str
    old_breaks: tuple[str, ...]
    new_breaks: tuple[str, ...]
    users: tuple[str, ...]
    steps: int
    timeline: str
    replay: str
    also: tuple[str, ...] = ()
    old_scene: Scene | None = None
    new_scene: Scene | None = None

    @property
    def sentence(self) -> str:
        where = f" {self.situation}" if self.situation else ""
        also = f" (also {', '.join(self.also)})" if self.also else ""
        return f"{self.kind}{where}: OLD {self.old}; NEW {self.new}{also}"


class Seen(msgspec.Struct, frozen=True):
    """Whether the comparison saw one sabotage of OLD."""

    sabotage: str
    caught: bool


class Equivalence(msgspec.Struct, frozen=True):
    """What the comparison of two broadcasters came to.

    `explained` counts differences that a schedule explains; `options` is what the command must be given again.
    """

    verdict: Outcome
    old: str
    new: str
    seed: int
    differences: tuple[Difference, ...]
    controls: tuple[Seen, ...]
    programs: int
    schedules: int
    facts: int
    explained: int
    seconds: float
    allowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    interrupted: bool = False
    schema: int = 1


class Loss(msgspec.Struct, frozen=True):
    """One distinct violation: of which check, whose doing ("migration", "OLD" or "NEW"), and where the switch came."""

    check: str
    whose: str
    point: str
    found: FoundViolation


class Cutover(msgspec.Struct, frozen=True):
    """What a rehearsal came to.

    `down_time` is each user's longest wait, in seconds, that the switch itself caused; `options` is what the command
    must be given again. `live` is true for two systems behind addresses; schedules are rounds then, and down-time is
    the longest that a user was without a connection.
    """

    verdict: Outcome
    old: str
    new: str
    switch: str
    seed: int
    losses: tuple[Loss, ...]
    opportunities: dict[str, int]
    controls: tuple[Control, ...]
    points: int
    schedules: int
    moves: int
    down_time: dict[str, float]
    worst_point: str
    seconds: float
    notes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    interrupted: bool = False
    live: bool = False
    schema: int = 1
