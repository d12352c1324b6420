"""What a check says of one history."""

from __future__ import annotations

import msgspec

from crosstalk.model.history import Violation


class Result(msgspec.Struct):
    opportunities: int = 0
    violations: list[Violation] = msgspec.field(default_factory=list)
