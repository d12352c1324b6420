"""Seconds, counted by size: an HdrHistogram (Gil Tene) of microseconds up to an hour, exact to three digits."""

from __future__ import annotations

from hdrh.histogram import HdrHistogram

from crosstalk.model.live_figures import Percentiles
from crosstalk.model.waits import bucketed

LONGEST = 3_600_000_000


class Times:
    """Any number of measurements in constant memory."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(1, LONGEST, 3)

    def record(self, seconds: float) -> None:
        self._counts.record_value(min(LONGEST, max(1, int(seconds * 1e6))))

    @property
    def count(self) -> int:
        return int(self._counts.get_total_count())

    def at(self, percentile: float) -> float:
        """The seconds that `percentile` percent stay within; 0 where nothing was measured."""
        return float(self._counts.get_value_at_percentile(percentile)) / 1e6 if self.count else 0.0

    def beyond(self, seconds: float) -> int:
        """How many took longer."""
        least = self._counts.get_value_from_index
        return sum(count for index, count in enumerate(self._counts.counts) if count and least(index) > seconds * 1e6)

    def percentiles(self) -> Percentiles:
        largest = float(self._counts.get_max_value()) / 1e6 if self.count else 0.0
        least = self._counts.get_value_from_index  # its own iterators take half a second, and everything waits
        buckets = bucketed((least(index) / 1e6, count) for index, count in enumerate(self._counts.counts) if count)
        return Percentiles(self.count, self.at(50), self.at(95), self.at(99), largest, buckets)
