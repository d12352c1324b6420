"""What a soak came to: what grows, what the number of users costs, and whether the pool of connections is whole."""

from __future__ import annotations

import msgspec

from crosstalk.model.verdict import Outcome, Verdict


class Slope(msgspec.Struct, frozen=True):
    """Growth of one quantity for each unit, with its interval."""

    value: float
    low: float
    high: float


class Growth(msgspec.Struct, frozen=True):
    """One program's growth for each `unit`; `containers` and `sites` say where, if it grows.

    `connections` are those of departed users that are still there.
    """

    unit: str
    units: int
    bytes: Slope
    objects: Slope
    tasks: Slope
    connections: Slope
    grows: bool
    containers: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


class Curve(msgspec.Struct, frozen=True):
    """What one `unit` (delivery or connection) costs with `counts` of `of` (users or devices): lines, and seconds.

    `sites` are the lines that grow, where it is `superlinear`.
    """

    unit: str
    of: str
    counts: tuple[int, ...]
    lines: tuple[float, ...]
    seconds: tuple[float, ...]
    exponent: Slope
    superlinear: bool
    sites: tuple[str, ...] = ()


class Pool(msgspec.Struct, frozen=True):
    """Whether the pool of connections was whole: how many were made, ended, and open in the end, and what is wrong.

    `registry` says what was compared with them, where it was named.
    """

    made: int
    ended: int
    open: int
    violations: tuple[str, ...]
    registry: str = ""


class Soak(msgspec.Struct, frozen=True):
    """`flagged` are findings of what was not promised: growth, scale. No `pool` was not looked at."""

    verdict: Outcome
    target: str
    growths: tuple[Growth, ...]
    curves: tuple[Curve, ...]
    pool: Pool | None
    seconds: float
    flagged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    schema: int = 1


class Grown(msgspec.Struct, frozen=True):
    """How much a running system's quantity grows for each departed user, over `units` of them; fail means that it does.

    `readings` are the number of departed users and what was read, from the first on.
    """

    quantity: str
    units: int
    each: Slope
    outcome: Outcome
    readings: tuple[tuple[float, float], ...]


class LiveSoak(msgspec.Struct, frozen=True):
    """A soak of a running system; `judged` is what its users received."""

    verdict: Outcome
    target: str
    users: int
    grown: tuple[Grown, ...]
    judged: Verdict
    seconds: float
    notes: tuple[str, ...] = ()
    schema: int = 1
