"""Broadcasters nobody here wrote, examined through small targets, and what is honestly seen of each.

Each target's docstring says why, from its library's code: documented behaviour, a defect, or clean. A run must report
the guarantees named in `seen`, may report those in `with_it` (their symptoms), and nothing else.
"""

import pytest
from real import (
    broadcaster_memory,
    channels_layer,
    fastapi_docs,
    per_user_dict,
    socketio_rooms,
    websocket_pubsub,
)

from crosstalk.examination import examine, open_target

# the libraries' own deprecations are theirs
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def examined(target, schedules):
    return examine(open_target(target), seed=1, schedules=schedules, seconds=60)


@pytest.mark.parametrize(
    ("target", "schedules"),
    [
        (broadcaster_memory.create, 1_500),
        (channels_layer.LongMembership, 1_500),
        (socketio_rooms.Rooms, 1_000),
    ],
)
def test_clean(target, schedules):
    verdict = examined(target, schedules)
    assert [v.timeline for check in verdict.checks for v in check.violations] == []
    assert verdict.explored.schedules == schedules
    assert verdict.verdict == "pass", [(c.name, c.reason) for c in verdict.checks if c.verdict != "pass"]


@pytest.mark.parametrize(
    ("target", "schedules", "seen", "with_it"),
    [
        (fastapi_docs.Broadcast, 600, {"isolation", "delivery", "blocking", "crash"}, {"golden_path"}),
        (per_user_dict.One, 1_000, {"delivery"}, {"golden_path"}),
        (per_user_dict.Lists, 1_000, {"delivery"}, {"golden_path"}),
        (channels_layer.Layer, 1_000, {"delivery"}, {"golden_path"}),
        (websocket_pubsub.PubSub, 600, {"ghost"}, set()),
    ],
)
def test_a_named_guarantee_is_violated_and_no_other(target, schedules, seen, with_it):
    verdict = examined(target, schedules)
    violated = {check.name for check in verdict.checks if check.violations}
    assert seen <= violated <= seen | with_it
    assert verdict.explored.schedules == schedules
    assert all(control.caught for control in verdict.controls)
