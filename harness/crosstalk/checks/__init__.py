"""The checks: pure functions `History -> Result`, one invariant a file, each linear in the history.

A `Result` counts the opportunities (how often the check could have failed) beside the violations found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crosstalk.checks import (
    blocking,
    clean,
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


def check_all(history: History, checks: Sequence[str] = tuple(CHECKS)) -> dict[str, Result]:
    """What each of `checks` says of the history: the same as asked one by one, and sooner where it is clean."""
    counts = clean.opportunities(history) or {}
    return {name: Result(counts[name]) if name in counts else CHECKS[name](history) for name in checks}


__all__ = ["CHECKS", "Result", "check_all"]
