"""Whole applications of five frameworks, each in a correct form and with one leak that needs two users."""

import itertools
from pathlib import Path

import msgspec
import pytest

from crosstalk.examination import examine, explore, find, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.scenarios.token import read
from crosstalk.schedule.strategies.replay import Replay

# the frameworks' own deprecations are theirs
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

APPS = Path(__file__).parent / "asgi_apps"
POST = "POST /users/{user}/events"
REACHED = {
    "starlette": {"open": "/ws/{user}", "publish": POST},
    "fastapi": {"open": "/ws", "header": "Authorization: Bearer {token}", "publish": POST},
    "litestar": {"open": "/ws", "query": "token={token}", "publish": POST},
    "quart": {"open": "/ws", "cookie": "session={token}", "publish": POST},
    "channels": {"open": "/ws/{user}", "publish": POST},
}


def opened(framework, which):
    names = REACHED[framework]
    if (framework, which) == ("channels", "wrong"):
        names = {**names, "publish": "POST /shared/{user}/events"}
    return open_target(f"asgi:{APPS}/{framework}_app.py:{which}", names=names)


@pytest.mark.parametrize(
    ("framework", "schedules"),
    [("starlette", 500), ("fastapi", 300), ("litestar", 400), ("quart", 400), ("channels", 300)],
)
def test_a_correct_application_passes(framework, schedules):
    verdict = examine(opened(framework, "right"), seed=3, schedules=schedules, seconds=120)
    assert [v.timeline for check in verdict.checks for v in check.violations] == []
    assert verdict.verdict == "pass", [(c.name, c.reason) for c in verdict.checks if c.verdict != "pass"]
    assert verdict.explored.schedules == schedules
    assert len(verdict.controls) == 12 and all(control.caught for control in verdict.controls)
    judged = [check for check in verdict.checks if check.name != "truthful_count"]
    assert all(check.opportunities for check in judged)


@pytest.mark.parametrize("framework", REACHED)
def test_a_leak_that_needs_two_users_is_found_and_replays_from_its_token(framework):
    verdict = examine(opened(framework, "wrong"), seed=3, schedules=600, seconds=8, checks=("isolation",))
    (check,) = verdict.checks
    assert check.verdict == "fail", check.reason
    for leak in check.violations:
        assert len(leak.users) == 2
        assert "was sent an event that belongs to" in leak.message
        example = read(leak.replay)
        guarantees = msgspec.convert(example.guarantees, Guarantees)
        again = open_target(example.target, names=example.names, guarantees=guarantees)
        history, _ = again.run(example.program, Replay(example.tape))
        assert find(history, "isolation", example.cause).message == leak.message


def test_synchronous_consumers_of_channels_share_one_thread():
    """Channels runs them all in one thread, so that a send that a stalled client keeps waiting holds up everybody."""
    runs = itertools.islice(explore(opened("channels", "synchronous"), seed=3), 100)
    assert {name for run in runs for name, result in run.results.items() if result.violations} == {"blocking"}
