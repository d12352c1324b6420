"""Which suites speak of the broadcaster that is named: those in process, or the smoke suite for a live address."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
LIVE = ("ws://", "wss://")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from crosstalk.plugin import named_broadcaster

    named = named_broadcaster(config)
    smoke = [item for item in items if item.path.resolve().is_relative_to(HERE / "smoke")]
    others = [item for item in items if item not in smoke and "crosstalk" in getattr(item, "fixturenames", ())]
    if named.startswith(LIVE):
        reason = f"{named.partition('?')[0]} is a live system: it is judged by the smoke suite"
        for item in others:
            item.add_marker(pytest.mark.skip(reason=reason))
    elif smoke and (named or others):
        # nobody who judges a broadcaster in process has asked for these
        config.hook.pytest_deselected(items=smoke)
        items[:] = [item for item in items if item not in smoke]
