"""A soak: what so many users who come and go leave behind, what their number costs, and whether their pool is whole."""

from __future__ import annotations

import time
from collections.abc import Callable

from crosstalk.consolidation.fit import POINTS
from crosstalk.consolidation.growth import PROGRAMS, growths
from crosstalk.consolidation.pool import pool
from crosstalk.consolidation.scale import curves
from crosstalk.examination import Examination
from crosstalk.model.soak import Soak
from crosstalk.model.verdict import Outcome

USERS = 4_000
STAGES = 1 + len(PROGRAMS) + 4 * POINTS
"""What it plays, as a rule: the pool, what grows, and two curves, counted and timed."""


def soak(
    examination: Examination, *, users: int = USERS, progress: Callable[[int, int, str], None] | None = None
) -> Soak:
    """Soak the target with so many `users` (and events); `progress` is told the stage, of how many, and what it is.

    Raises ValueError for fewer than growth.FEWEST, TargetError for a registry that is none.
    """
    began = time.monotonic()
    stage = 0

    def begins(what: str) -> None:
        nonlocal stage
        stage += 1
        if progress is not None:
            progress(min(stage, STAGES), STAGES, what)

    begins("the pool of connections")
    whole, unseen = pool(examination)
    grown, untold = growths(examination, users, begins)
    costs, undrawn = curves(examination, begins=begins)
    found = {"growth": any(growth.grows for growth in grown), "scale": any(curve.superlinear for curve in costs)}
    flagged = tuple(name for name, is_found in found.items() if is_found and not getattr(examination.guarantees, name))
    fails = any(is_found and name not in flagged for name, is_found in found.items())
    broken = whole is not None and bool(whole.violations)
    verdict: Outcome = "fail" if fails or broken else "unknown" if untold or unseen else "pass"
    seconds, notes = round(time.monotonic() - began, 3), (*untold, *undrawn, *unseen)
    return Soak(verdict, examination.target, grown, costs, whole, seconds, flagged, notes)
