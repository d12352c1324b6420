"""The checks: pure functions `History -> Result`, one invariant a file, each linear in the history.

A `Result` counts the opportunities (how often the check could have failed) beside the violations found.
"""

from __future__ import annotations

from collections.abc import Callable

from crosstalk.checks import (
    blocking,
    cleanup,
    crash,
    delivery,
    duplicate,
    ghost,
    golden_path,
    integrity,
    isolation,
    order,
    ownership,
    truthful_count,
)
from crosstalk.checks.result import Result
from crosstalk.model.history import History

# In the order in which violations are shown: what harms most, and what causes the others, first.
CHECKS: dict[str, Callable[[History], Result]] = {
    "isolation": isolation.check,
    "ownership": ownership.check,
    "integrity": integrity.check,
    "ghost": ghost.check,
    "duplicate": duplicate.check,
    "order": order.check,
    "delivery": delivery.check,
    "golden_path": golden_path.check,
    "blocking": blocking.check,
    "truthful_count": truthful_count.check,
    "crash": crash.check,
    "cleanup": cleanup.check,
}

__all__ = ["CHECKS", "Result"]
