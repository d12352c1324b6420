"""Is NEW better than OLD by so much? The ratio of paired measurements, with an interval, and how many more would tell.

Measurements come in pairs taken one right after the other, so that whatever slows the machine slows both. Of each pair
the logarithm of the ratio is taken; its mean is bootstrapped, studentised (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, section 12.5), since plain percentiles of few pairs are too narrow. Pairs beyond four times the median
deviation are pulled in to it first: a process that the machine stopped for a moment tells nothing of the code.

The level is 99 %: with a dozen figures on one page, one in twenty would be wrong too often.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from crosstalk.model.migration import LEVEL

RESAMPLES = 1_000
LEAST = 0.01
"""A difference of less than so much is none, however sure."""
TOO_MUCH = 2.0
"""An interval that holds no difference and this too says nothing."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """NEW divided by OLD, and its interval at LEVEL; `pairs` measurements of each."""

    value: float
    low: float
    high: float
    pairs: int

    @property
    def word(self) -> Literal["less", "more", "no difference", "cannot tell"]:
        """Whether NEW needs less or more than OLD; nothing can be told where it may need twice as much, or half."""
        if self.high < 1 and self.value < 1 - LEAST:
            return "less"
        if self.low > 1 and self.value > 1 + LEAST:
            return "more"
        return "no difference" if self.low > 1 / TOO_MUCH and self.high < TOO_MUCH else "cannot tell"


def ratio(old: Sequence[float], new: Sequence[float], seed: int = 0) -> Ratio:
    """The ratio of paired positive measurements. Raises ValueError when there are fewer than two pairs."""
    if len(old) != len(new) or len(old) < 2:
        raise ValueError("a comparison needs at least two pairs of measurements")
    logs = [math.log(max(b, 1e-12) / max(a, 1e-12)) for a, b in zip(old, new, strict=True)]
    middle = statistics.median(logs)
    deviation = statistics.median(abs(value - middle) for value in logs)
    if deviation:
        logs = [min(max(value, middle - 4 * deviation), middle + 4 * deviation) for value in logs]
    count, mean, spread = len(logs), statistics.fmean(logs), statistics.stdev(logs)
    if spread < 1e-9:
        return Ratio(math.exp(mean), math.exp(mean), math.exp(mean), count)
    error = spread / math.sqrt(count)
    source = random.Random(seed)
    scores = []
    for _ in range(RESAMPLES):
        again = source.choices(logs, k=count)
        middle = sum(again) / count
        own = math.sqrt(sum((value - middle) ** 2 for value in again) / (count - 1) / count)
        if own > 1e-12:
            scores.append((middle - mean) / own)
    scores.sort()
    tail = (1 - LEVEL) / 2
    lowest, highest = scores[int(tail * len(scores))], scores[min(len(scores) - 1, int((1 - tail) * len(scores)))]
    return Ratio(math.exp(mean), math.exp(mean - highest * error), math.exp(mean - lowest * error), count)


@dataclass(frozen=True, slots=True)
class Goal:
    """Whether NEW is better by `share` (0.2 is 20 %): met, not met, or cannot tell; `more` pairs would tell."""

    share: float
    outcome: Literal["met", "not met", "cannot tell"]
    more: int = 0


def judged(measured: Ratio, share: float) -> Goal:
    """The goal that NEW needs less than OLD by at least `share`."""
    limit = 1 - share
    if measured.high <= limit:
        return Goal(share, "met")
    if measured.low > limit:
        return Goal(share, "not met")
    gap = abs(math.log(measured.value / limit))
    width = (math.log(measured.high) - math.log(measured.low)) / 2
    needed = 10_000 if gap < width / 100 else math.ceil(measured.pairs * (width / gap) ** 2)
    return Goal(share, "cannot tell", max(1, min(needed, 10_000) - measured.pairs))
