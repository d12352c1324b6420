"""The tri-state algebra: what makes one check, and one target, pass, fail or unknown."""

from itertools import permutations, product

import pytest

from crosstalk.model.verdict import NO_OPPORTUNITY, judge, worst


def test_the_worst_wins_in_any_order_and_nothing_proves_nothing():
    assert worst([]) == "unknown"
    for outcomes in product(("pass", "unknown", "fail"), repeat=3):
        expected = "fail" if "fail" in outcomes else "unknown" if "unknown" in outcomes else "pass"
        assert {worst(order) for order in permutations(outcomes)} == {expected}


@pytest.mark.parametrize("opportunities", [0, 1])
@pytest.mark.parametrize("caught", [True, False, None])
@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("inapplicable", ["", "it has none"])
def test_a_violation_fails_whatever_else_is_known(opportunities, caught, lost, inapplicable):
    assert judge(opportunities, 1, caught, lost=lost, inapplicable=inapplicable) == ("fail", "")


@pytest.mark.parametrize(
    ("opportunities", "caught", "more", "expected"),
    [
        (7, True, {}, ("pass", "")),
        (0, True, {}, ("unknown", NO_OPPORTUNITY)),
        (7, False, {}, ("unknown", "it missed its own sabotage on this target")),
        (7, None, {}, ("unknown", "no sabotage has shown that it can see on this target")),
        (0, False, {}, ("unknown", "it missed its own sabotage on this target")),
        (0, False, {"inapplicable": "it returns no counts"}, ("pass", "not applicable: it returns no counts")),
        (7, False, {"inapplicable": "it returns no counts"}, ("unknown", "it missed its own sabotage on this target")),
        (7, True, {"inapplicable": "it returns no counts"}, ("pass", "")),
    ],
)
def test_without_a_violation_a_pass_must_be_earned(opportunities, caught, more, expected):
    assert judge(opportunities, 0, caught, **more) == expected


@pytest.mark.parametrize("caught", [True, False, None])
@pytest.mark.parametrize("inapplicable", ["", "it has none"])
def test_what_was_seen_once_and_not_again_is_unknown(caught, inapplicable):
    outcome, reason = judge(0, 0, caught, lost=True, inapplicable=inapplicable)
    assert outcome == "unknown" and "did not replay" in reason
