"""One user's slow connection holds up nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_a_stalled_connection_holds_up_nobody_else(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("slow", ("blocking", "isolation", "crash"), shard=shard)
