"""A soak: what so many users who come and go leave behind, what their number costs, and whether their pool is whole."""

from __future__ import annotations

import time

from crosstalk.consolidation.growth import growths
from crosstalk.consolidation.pool import pool
from crosstalk.consolidation.scale import curves
from crosstalk.examination import Examination
from crosstalk.model.soak import Soak
from crosstalk.model.verdict import Outcome

USERS = 4_000


def soak(examination: Examination, *, users: int = USERS) -> Soak:
    """Soak the target with so many `users` (and events).

    Raises ValueError for fewer than growth.FEWEST, TargetError for a registry that is none.
    """
    began = time.monotonic()
    whole, unseen = pool(examination)
    grown, untold = growths(examination, users)
    costs, undrawn = curves(examination)
    found = {"growth": any(growth.grows for growth in grown), "scale": any(curve.superlinear for curve in costs)}
    allowed = tuple(name for name, is_found in found.items() if is_found and not getattr(examination.guarantees, name))
    fails = any(is_found and name not in allowed for name, is_found in found.items())
    broken = whole is not None and bool(whole.violations)
    verdict: Outcome = "fail" if fails or broken else "unknown" if untold or unseen else "pass"
    seconds, notes = round(time.monotonic() - began, 3), (*untold, *undrawn, *unseen)
    return Soak(verdict, examination.target, grown, costs, whole, seconds, allowed, notes)
