"""What a pass says in numbers: no violation in n opportunities bounds the rate from above.

With none seen in n independent opportunities, rates above 1 - (1 - confidence) ** (1 / n) are refuted at that
confidence (Clopper-Pearson for zero events; about 3 / n at 95 %, the "rule of three").
"""

from __future__ import annotations

import math


def upper_bound(opportunities: int, confidence: float = 0.95) -> float:
    """The highest rate per opportunity that zero violations in `opportunities` still allow; 1.0 for none."""
    if opportunities <= 0:
        return 1.0
    return -math.expm1(math.log1p(-confidence) / opportunities)
