"""What a check says of one history."""

from __future__ import annotations

from dataclasses import dataclass, field

from crosstalk.model.history import Violation


@dataclass(slots=True)
class Result:
    opportunities: int = 0
    violations: list[Violation] = field(default_factory=list)
