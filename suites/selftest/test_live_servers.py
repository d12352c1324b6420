"""Real systems, in several languages and processes: the leak is found, and the correct form accused of nothing.

Each leak needs two users at the same time. Both forms of a system are examined at the same time.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from live_servers.starting import SECRET, django_channels, node_socketio, node_ws, redis_fan_out, socket_io

from crosstalk.auth.configured import configured
from crosstalk.targets.reading import Pointers

SYSTEMS = {
    "Node ws": node_ws,
    "Redis fan-out": redis_fan_out,
    "Django Channels": django_channels,
    "python-socketio": socket_io,
    "Node socket.io": node_socketio,
}
# Socket.IO as it goes over the wire, by users of its own: its log-in, its events
RAW = {
    "user_name": "raw-{number}",
    "auth": {"kind": "jwt", "carrier": 'message:40{"token":"{token}"}'},
    "cause": '42["start_agent",{"user_request":"{text}","thread_id":"{thread}","run_id":"{run}"}]',
    "read": Pointers(type=("/0",), owner=("/1/user_id",), run=("/1/run_id",)),
}
LOG_IN = {"CROSSTALK_JWT_SECRET": SECRET}


def raw(url):
    return url.replace("http:", "ws:") + "?EIO=4&transport=websocket"


def planned(url, lifetime=3600, **changes):
    from crosstalk.live import Plan, plan
    from crosstalk.profile import Profile

    given = (
        dict(RAW)
        if "EIO=" in url
        else {"auth": {"kind": "jwt", "carrier": "message" if "socket.io" in url else "header"}}
    )
    log_in = configured({**given.pop("auth"), "lifetime": lifetime}, environ=LOG_IN)
    chosen = {"users": 8, "duration": 3.0, "run_seconds": 4.0, "patience": 0.6, **given, **changes}
    made = plan(Profile(url=url, **chosen))
    return Plan(made.profile, made.url, made.users, log_in, made.cause, made.grammar)


def judged(url):
    from crosstalk.live import examine

    return examine(planned(url))


def refused(url):
    from crosstalk.live_refusals import examine

    return examine(planned(url))


@pytest.fixture(scope="module", params=SYSTEMS)
def verdicts(request, tmp_path_factory):
    """Both forms of a system, and who gets into the correct one: all at the same time."""
    folder = tmp_path_factory.mktemp("system")
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        correct, leaky = (stack.enter_context(SYSTEMS[request.param](folder, v)) for v in ("correct", "leaky"))
        jobs = {
            "correct": threads.submit(judged, correct),
            "leaky": threads.submit(judged, leaky),
            "refusals": threads.submit(refused, correct),
        }
        if request.param == "Node socket.io":
            jobs["raw"] = threads.submit(judged, raw(correct))
        yield {name: job.result() for name, job in jobs.items()}


def check(verdict, name):
    return next(check for check in verdict.checks if check.name == name)


def test_the_correct_form_is_accused_of_nothing(verdicts):
    for verdict in (verdicts[way] for way in ("correct", "raw") if way in verdicts):
        assert verdict.verdict == "pass", (verdict.checks, verdict.notes)
        assert check(verdict, "isolation").opportunities > 100
        assert check(verdict, "golden_path").opportunities > 8
        assert all(control.caught for control in verdict.controls)


def test_the_leak_is_found(verdicts):
    isolation = check(verdicts["leaky"], "isolation")
    assert verdicts["leaky"].verdict == isolation.verdict == "fail"
    assert any(len(set(violation.users)) == 2 for violation in isolation.violations)


def test_who_must_not_get_in_does_not(verdicts):
    verdict = verdicts["refusals"]
    assert verdict.verdict == "pass", (verdict.checks, verdict.notes)
    assert verdict.checks[0].opportunities >= 14
