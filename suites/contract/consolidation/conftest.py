"""OLD and NEW for these suites; without an OLD there is nothing to test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crosstalk.examination import Examination

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from crosstalk.plugin import read_settings

    if read_settings(config).against:
        return
    mine = [item for item in items if item.path.resolve().is_relative_to(HERE)]
    if len(mine) < len(items):
        # nobody who judges one broadcaster has asked for these
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]
        return
    for item in mine:
        item.add_marker(pytest.mark.skip(reason="give the broadcaster to be replaced: --crosstalk-against OLD"))


@pytest.fixture(scope="session")
def pair(request: pytest.FixtureRequest, broadcaster: Any) -> tuple[Examination, Examination]:
    """OLD and NEW, opened."""
    from crosstalk.commands.sides import method_names
    from crosstalk.examination import open_target
    from crosstalk.model.guarantees import Guarantees
    from crosstalk.plugin import read_settings
    from crosstalk.targets.loader import TargetError

    settings = read_settings(request.config)
    try:
        guarantees = Guarantees.parse(settings.guarantee, settings.strict, settings.grammar)
        names = method_names(settings.against_name, "--crosstalk-against-name")
        old = open_target(settings.against, names=names, guarantees=guarantees)
        new = open_target(broadcaster, names=settings.names, guarantees=guarantees)
    except (TargetError, ValueError) as error:
        pytest.fail(f"crosstalk: {error}", pytrace=False)
    return old, new
