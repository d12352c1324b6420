"""Peers vanish and callers give up: nobody else notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_a_vanished_peer_or_a_cancelled_call_harms_nobody_else(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("faults", ("isolation", "delivery", "crash"), shard=shard)
