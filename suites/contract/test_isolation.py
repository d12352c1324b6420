"""No user is sent what belongs to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


@pytest.mark.parametrize("shard", range(2))
def test_no_user_is_sent_what_belongs_to_another(crosstalk: Crosstalk, shard: int) -> None:
    crosstalk.explore("any", ("isolation", "ownership"), shard=shard)


def test_no_user_is_sent_what_belongs_to_another_across_reconnects(crosstalk: Crosstalk) -> None:
    crosstalk.explore("lifecycle", ("isolation", "ownership"), shard=2)
