"""Ids that look alike, or that a pattern or a conversion makes alike, are different users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_ids_that_look_alike_are_different_users(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("identity", ("isolation", "ownership", "delivery"), shard=shard)
