"""What a live system owes its users while they all use it at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.model.verdict import Verdict

pytestmark = pytest.mark.crosstalk

Promise = Callable[[str], None]


def test_no_user_is_sent_what_belongs_to_another(promise: Promise) -> None:
    promise("isolation")


def test_every_envelope_names_its_receiver(promise: Promise) -> None:
    promise("ownership")


def test_every_run_is_complete_and_in_order(promise: Promise) -> None:
    promise("golden_path")


def test_every_device_of_a_user_gets_every_event(promise: Promise) -> None:
    promise("delivery")


def test_no_event_comes_twice(promise: Promise) -> None:
    promise("duplicate")


def test_no_event_overtakes_another(promise: Promise) -> None:
    promise("order")


def test_what_is_sent_keeps_to_its_protocol(promise: Promise) -> None:
    promise("protocol")


def test_users_can_log_in_connect_and_complete_their_runs(promise: Promise) -> None:
    promise("success")


def test_the_first_event_of_a_run_comes_in_time(promise: Promise) -> None:
    promise("latency")


def test_users_can_connect_again_in_time(promise: Promise) -> None:
    promise("reconnect")


def test_who_must_not_get_in_does_not(refusals_verdict: Verdict) -> None:
    from crosstalk.reporting.live_terminal import live_findings, live_judgement

    __tracebackhide__ = True
    if refusals_verdict.verdict == "fail":
        pytest.fail("\n".join(live_findings(refusals_verdict)), pytrace=False)
    if refusals_verdict.verdict == "unknown":
        pytest.fail("crosstalk cannot tell:\n" + "\n".join(live_judgement(refusals_verdict)), pytrace=False)
