"""Straight lines through measurements, each with the interval of its slope."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from crosstalk.model.soak import Slope

POINTS = 8
"""So many points is a slope fitted to; _T99 is for these only."""
_T99 = 3.71
"""Student's t at 99 % for six degrees of freedom, those of POINTS."""


def slope(units: Sequence[float], values: Sequence[float]) -> Slope:
    """Least squares over POINTS points, with a 99 % interval."""
    count, middle, level = len(units), statistics.fmean(units), statistics.fmean(values)
    spread = sum((u - middle) ** 2 for u in units)
    value = sum((u - middle) * (v - level) for u, v in zip(units, values, strict=True)) / spread
    rest = sum((v - level - value * (u - middle)) ** 2 for u, v in zip(units, values, strict=True))
    error = math.sqrt(rest / (count - 2) / spread)
    return Slope(value, value - _T99 * error, value + _T99 * error)


def exponent(units: Sequence[float], values: Sequence[float]) -> Slope:
    """The power of the units that the values, all positive, grow with: 0 is level, 1 in proportion."""
    return slope([math.log(unit) for unit in units], [math.log(value) for value in values])
