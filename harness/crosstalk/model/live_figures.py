"""What a live run adds to a verdict: how much was done, on what basis it was judged, how fast the system was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from crosstalk.model.bound import upper_bound
from crosstalk.model.waits import Buckets, HeatMap, bucketed, overlaid


class Percentiles(msgspec.Struct, frozen=True):
    """Seconds, of `count` measurements, and how many of these were how long."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float
    buckets: Buckets = ()


FAILURES = 400
"""So many failures are told with their user and second."""


class Limit(msgspec.Struct, frozen=True):
    """A declared limit for 95 %, in seconds, and how many measurements were beyond it."""

    seconds: float
    beyond: int


NONE_MEASURED = Percentiles(0, 0.0, 0.0, 0.0, 0.0)


class Sighting(msgspec.Struct, frozen=True):
    """Where and when a violation was seen live: seconds since the start, round, what was received (redacted).

    `repeats` is how many replays of that round were made afterwards, `again` in how many it showed once more; `fewest`
    users and `steps` were enough, 0 where nothing smaller showed it. `command` plays the same programs again.
    """

    seconds: float
    round: int
    excerpt: str = ""
    times: int = 1
    repeats: int = 0
    again: int = 0
    fewest: int = 0
    command: str = ""
    steps: int = 0


class LiveFigures(msgspec.Struct, frozen=True):
    """`bases` counts deliveries by what told whose they are; `bound` is the most, at 95 %, that leaks a delivery.

    `heat` says how long each user waited for the first event of a run, and when; `failed` are the first FAILURES
    failures: a user, and the second; `limits` are those of latency and reconnect, where they were declared.
    """

    users: int
    rounds: int
    connections: int
    runs: int
    deliveries: int
    bases: dict[str, int] = {}
    unattributed: dict[str, int] = {}
    attempts: int = 0
    failures: dict[str, int] = {}
    faults: int = 0
    bound: float = 1.0
    latency: Percentiles = NONE_MEASURED
    connecting: Percentiles = NONE_MEASURED
    reconnecting: Percentiles = NONE_MEASURED
    lag: Percentiles = NONE_MEASURED
    journal: str = ""
    heat: HeatMap | None = None
    failed: tuple[tuple[str, float], ...] = ()
    limits: dict[str, Limit] = {}

    @property
    def success(self) -> float:
        """The share of what was tried that succeeded."""
        return 1 - sum(self.failures.values()) / self.attempts if self.attempts else 0.0


def proven(opportunities: int, bases: dict[str, int]) -> str:
    """What it means that no leak was seen."""
    how = ", ".join(f"{count:,} by {basis}" for basis, count in Counter(bases).most_common())
    return f"0 leaks: below {upper_bound(opportunities):.2g} a delivery at 95 %; judged {how}"


def added(figures: Sequence[LiveFigures]) -> LiveFigures | None:
    """Several runs of different users at the same time as one; of percentiles the worst."""
    if not figures:
        return None

    def total(counts: Sequence[dict[str, int]]) -> dict[str, int]:
        return dict(sum((Counter(count) for count in counts), Counter[str]()))

    def worst(found: Sequence[Percentiles]) -> Percentiles:
        return Percentiles(
            sum(p.count for p in found),
            max(p.p50 for p in found),
            max(p.p95 for p in found),
            max(p.p99 for p in found),
            max(p.max for p in found),
            bucketed(bucket for p in found for bucket in p.buckets),
        )

    def limited(name: str) -> Limit:
        mine = [f.limits[name] for f in figures if name in f.limits]
        return Limit(min(limit.seconds for limit in mine), sum(limit.beyond for limit in mine))

    bases = total([f.bases for f in figures])
    return LiveFigures(
        users=sum(f.users for f in figures),
        rounds=sum(f.rounds for f in figures),
        connections=sum(f.connections for f in figures),
        runs=sum(f.runs for f in figures),
        deliveries=sum(f.deliveries for f in figures),
        bases=bases,
        unattributed=total([f.unattributed for f in figures]),
        attempts=sum(f.attempts for f in figures),
        failures=total([f.failures for f in figures]),
        faults=sum(f.faults for f in figures),
        bound=upper_bound(sum(bases.values())),
        latency=worst([f.latency for f in figures]),
        connecting=worst([f.connecting for f in figures]),
        reconnecting=worst([f.reconnecting for f in figures]),
        lag=worst([f.lag for f in figures]),
        journal=", ".join(f.journal for f in figures if f.journal),
        heat=overlaid([f.heat for f in figures if f.heat is not None]),
        failed=tuple(sorted((f for one in figures for f in one.failed), key=lambda failure: failure[1])[:FAILURES]),
        limits={name: limited(name) for name in dict.fromkeys(name for f in figures for name in f.limits)},
    )
