"""Every agent run arrives complete and in Golden Path order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_runs_arrive_complete_and_in_order(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("runs", ("golden_path", "integrity"), shard=shard)
