"""NEW may take OLD's place: users and callers notice nothing, the move itself harms nobody, and it will last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.examination import Examination

pytestmark = pytest.mark.crosstalk
USERS = 1_600
"""Users who come and go in the soak."""
MEASURED_WITH = 100
"""Users with whom time and memory are measured."""


def test_users_and_callers_notice_no_difference(
    pytestconfig: pytest.Config, pair: tuple[Examination, Examination]
) -> None:
    from crosstalk.commands.equivalent import report
    from crosstalk.consolidation.equivalence import compare
    from crosstalk.plugin import conclude, read_settings

    settings = read_settings(pytestconfig)
    result = compare(*pair, seed=settings.seed, seconds=settings.budget / 2, allow=frozenset(settings.allow))
    conclude(pytestconfig, "equivalent", result.new, result, report(result))


def test_users_are_moved_and_moved_back_without_harm(
    pytestconfig: pytest.Config, pair: tuple[Examination, Examination]
) -> None:
    from crosstalk.commands.cutover import report
    from crosstalk.consolidation.cutover import cut_over, rehearsal
    from crosstalk.plugin import conclude, read_settings
    from crosstalk.targets.loader import TargetError

    settings = read_settings(pytestconfig)
    try:
        target = rehearsal(*pair, settings.switch)
    except TargetError as error:
        pytest.fail(f"crosstalk: {error}", pytrace=False)
    result = cut_over(target, seed=settings.seed, seconds=settings.budget / 2)
    conclude(pytestconfig, "cutover", result.new, result, report(result))


def test_events_arrive_sooner_and_less_memory_is_kept(
    pytestconfig: pytest.Config, pair: tuple[Examination, Examination]
) -> None:
    from crosstalk.commands.compare import report
    from crosstalk.consolidation.comparison import compare
    from crosstalk.plugin import conclude, read_settings
    from crosstalk.targets.loader import TargetError

    settings = read_settings(pytestconfig)
    if settings.faster is None and settings.leaner is None:
        pytest.skip("no goal is declared: give --crosstalk-faster 20% or --crosstalk-leaner 30%")
    try:
        result = compare(
            *pair, users=(MEASURED_WITH,), faster=settings.faster, leaner=settings.leaner, seed=settings.seed
        )
    except TargetError as error:
        pytest.fail(f"crosstalk: {error}", pytrace=False)
    conclude(pytestconfig, "compare", result.new, result, report(result))


def test_nothing_stays_behind_and_more_users_cost_what_was_promised(
    pytestconfig: pytest.Config, pair: tuple[Examination, Examination]
) -> None:
    from crosstalk.commands.soak import report
    from crosstalk.consolidation.soak import soak
    from crosstalk.plugin import conclude

    _, new = pair
    result = soak(new, users=USERS)
    conclude(pytestconfig, "soak", result.target, result, report(result))
