"""Nothing is lost, repeated, changed or overtaken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_nothing_is_lost_or_repeated(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("any", ("delivery", "duplicate", "integrity"), shard=shard)


def test_nothing_is_overtaken(crosstalk: Crosstalk) -> None:
    crosstalk.explore("any", ("order",), shard=2)
