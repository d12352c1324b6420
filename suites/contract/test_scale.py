"""Hundreds of users, and users who reconnect many times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.plugin import Crosstalk

pytestmark = pytest.mark.crosstalk


def test_hundreds_of_users(crosstalk: Crosstalk) -> None:
    crosstalk.explore("wide", ("isolation", "delivery", "order"), shard=2)


def test_many_reconnects(crosstalk: Crosstalk) -> None:
    crosstalk.explore("long", ("isolation", "delivery", "ghost", "crash"), shard=2)
