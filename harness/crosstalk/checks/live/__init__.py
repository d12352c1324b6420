"""The checks of live runs: pure functions `LiveHistory -> Result`, one invariant a file, linear in the history.

They are stated apart from those of `crosstalk.checks` because on a system that we don't own other things are known: not
what was published but what was asked for, not logical time but seconds, and of a network nothing that is not received.
"""

from __future__ import annotations

from collections.abc import Callable

from crosstalk.checks.live import blocking, delivery, golden_path, isolation, ownership, protocol, sequence
from crosstalk.checks.result import Result
from crosstalk.model.live_history import LiveHistory

LIVE_CHECKS: dict[str, Callable[[LiveHistory], Result]] = {
    "isolation": isolation.check,
    "ownership": ownership.check,
    "golden_path": golden_path.check,
    "delivery": delivery.check,
    "duplicate": sequence.duplicate,
    "order": sequence.order,
    "blocking": blocking.check,
    "protocol": protocol.check,
}
"""Those that judge by single violations, in the order in which they are shown; `success` and `latency` judge shares."""

__all__ = ["LIVE_CHECKS"]
