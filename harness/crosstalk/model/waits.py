"""How long users waited: by length, and by user and time. Small however long a run was, and added up from shards.

Lengths fall into buckets whose bounds are Renard's preferred numbers, ten to a factor of ten: 1, 1.25, 1.6, 2 and so
on. A heat map keeps the longest wait of each user in each slice of time; slices double when there would be too many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

_RENARD = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0)
BOUNDS = tuple(round(step * 10.0**power, 8) for power in range(-5, 4) for step in _RENARD)
"""Upper bounds of buckets in seconds, from 10 microseconds to two hours."""
SLICES, USERS = 40, 100

Buckets = tuple[tuple[float, int], ...]
"""Upper bound in seconds, and how many; only those that hold any, shortest first."""


class HeatMap(msgspec.Struct, frozen=True):
    """`rows[u][s]` is the longest wait, in seconds, of `users[u]` in slice s of `width` seconds; None stands for none.

    The USERS who waited longest are kept, the longest first; `left_out` counts the others.
    """

    width: int
    users: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]
    left_out: int = 0


def bucketed(waits: Iterable[tuple[float, int]]) -> Buckets:
    """Waits in seconds, and how many of each, by bucket."""
    counts: Counter[float] = Counter()
    for seconds, count in waits:
        counts[BOUNDS[min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1)]] += count
    return tuple(sorted(counts.items()))


class Heat:
    """The heat map of a run under way."""

    def __init__(self, users: Sequence[str]) -> None:
        self._users = users
        self._width = 1
        self._rows: dict[int, dict[int, float]] = {}

    def record(self, user: int, at: float, seconds: float) -> None:
        """`user` waited for so many seconds, since `at`."""
        while at >= self._width * SLICES:
            self._width *= 2
            self._rows = {known: _folded(row, 2) for known, row in self._rows.items()}
        row, place = self._rows.setdefault(user, {}), int(at // self._width)
        row[place] = max(seconds, row.get(place, 0.0))

    def map(self) -> HeatMap | None:
        """None where nobody has waited."""
        return _kept(self._width, {self._users[user]: row for user, row in self._rows.items()}, 0)


def overlaid(maps: Sequence[HeatMap]) -> HeatMap | None:
    """Maps of the same time as one, in the widest slices of any."""
    width = max((one.width for one in maps), default=1)
    rows: dict[str, dict[int, float]] = {}
    for one in maps:
        for user, row in zip(one.users, one.rows, strict=True):
            known = rows.setdefault(user, {})
            folded = _folded({place: wait for place, wait in enumerate(row) if wait is not None}, width // one.width)
            for place, wait in folded.items():
                known[place] = max(wait, known.get(place, 0.0))
    return _kept(width, rows, sum(one.left_out for one in maps))


def _folded(row: dict[int, float], by: int) -> dict[int, float]:
    folded: dict[int, float] = {}
    for place, wait in row.items():
        folded[place // by] = max(wait, folded.get(place // by, 0.0))
    return folded


def _kept(width: int, rows: dict[str, dict[int, float]], left_out: int) -> HeatMap | None:
    if not rows:
        return None
    users = sorted(rows, key=lambda user: (-max(rows[user].values()), user))
    end = max(place for row in rows.values() for place in row) + 1

    def cells(row: dict[int, float]) -> tuple[float | None, ...]:
        return tuple(round(row[place], 6) if place in row else None for place in range(end))

    kept = tuple(users[:USERS])
    return HeatMap(width, kept, tuple(cells(rows[user]) for user in kept), left_out + len(users) - len(kept))
