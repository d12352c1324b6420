"""Verdicts of several tests or workers on one target as one verdict."""

import msgspec
import pytest
from verdicts import made

from crosstalk.model.verdict import CheckVerdict, Control, merge
from crosstalk.reporting.page import lead
from crosstalk.reporting.rules import RULES


def only(verdict, *checks):
    return msgspec.structs.replace(verdict, checks=tuple(checks))


def test_the_worst_wins_and_opportunities_add_up():
    passed, failed = CheckVerdict("isolation", "pass", 10), made(1).checks[0]
    doubtful = CheckVerdict("isolation", "unknown", 5, (), "it missed its own sabotage on this target")
    total = merge([only(made(0), passed), only(made(1), failed), only(made(0), doubtful)])
    (check,) = total.checks
    assert (total.verdict, check.verdict, check.opportunities) == ("fail", "fail", 10 + failed.opportunities + 5)
    (check,) = merge([only(made(0), passed), only(made(0), doubtful)]).checks
    assert (check.verdict, check.reason) == ("unknown", doubtful.reason)


def test_each_defect_is_there_once():
    total = merge([made(2), made(3), made(1)])
    assert [violation.cause for violation in total.checks[0].violations] == ["cause 0", "cause 1", "cause 2"]


def test_a_control_is_caught_only_where_every_run_caught_it():
    one = msgspec.structs.replace(made(0), controls=(Control("order", "swap", True),))
    total = merge([one, made(0)])
    assert {(control.check, control.caught) for control in total.controls} == {("order", False), ("isolation", True)}


def test_the_worst_check_leads_whichever_test_was_first():
    leak = made(1).checks[0]
    (lost,) = made(1, message="'alice' never received an event").checks[0].violations
    loss = CheckVerdict("delivery", "fail", 10, (lost,))
    total = merge([only(made(1), CheckVerdict("invented", "pass", 1), loss), only(made(1), leak)], tuple(RULES))
    assert [check.name for check in total.checks] == ["isolation", "delivery", "invented"]
    assert lead(total)[0] == "'bob' was sent an event that belongs to 'alice'."


def test_nothing_cannot_be_merged():
    with pytest.raises(ValueError, match="no verdict to merge"):
        merge([])
