"""A connection that has gone is sent nothing, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_nothing_is_sent_to_a_connection_that_has_gone(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("lifecycle", ("ghost", "delivery"), shard=shard)


def test_nothing_stays_behind(crosstalk: Crosstalk) -> None:
    crosstalk.explore("lifecycle", ("cleanup",), shard=2)


def test_counts_are_true(crosstalk: Crosstalk) -> None:
    crosstalk.explore("lifecycle", ("truthful_count",), shard=2)
