"""NEW may take OLD's place: users and callers notice nothing, and the move itself harms nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.examination import Examination

pytestmark = pytest.mark.crosstalk


def test_users_and_callers_notice_no_difference(
    pytestconfig: pytest.Config, pair: tuple[Examination, Examination]
) -> None:
    from crosstalk.commands.equivalent import report
    from crosstalk.consolidation.equivalence import compare
    from crosstalk.plugin import allure_results, read_settings

    settings = read_settings(pytestconfig)
    result = compare(*pair, seed=settings.seed, seconds=settings.budget / 2, allow=frozenset(settings.allow))
    if allure_results(pytestconfig) is not None:
        from crosstalk.reporting import allure

        allure.attach_differences(result)
    if result.verdict != "pass":
        pytest.fail(report(result), pytrace=False)


def test_users_are_moved_and_moved_back_without_harm(
    pytestconfig: pytest.Config, pair: tuple[Examination, Examination]
) -> None:
    from crosstalk.commands.cutover import report
    from crosstalk.consolidation.cutover import cut_over, rehearsal
    from crosstalk.plugin import allure_results, read_settings
    from crosstalk.targets.loader import TargetError

    settings = read_settings(pytestconfig)
    try:
        target = rehearsal(*pair, settings.switch)
    except TargetError as error:
        pytest.fail(f"crosstalk: {error}", pytrace=False)
    result = cut_over(target, seed=settings.seed, seconds=settings.budget / 2)
    if allure_results(pytestconfig) is not None:
        from crosstalk.reporting import allure

        allure.attach_losses(result)
    if result.verdict != "pass":
        pytest.fail(report(result), pytrace=False)
