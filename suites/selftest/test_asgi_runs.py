"""Applications in memory that make the events themselves: a user's message starts a run, and its events are judged."""

import itertools
from pathlib import Path

import pytest

from crosstalk.examination import examine, explore, find, open_target
from crosstalk.scenarios.program import Connect, Disconnect, Program, Publish
from crosstalk.schedule.strategies.plain import Plain

CHAT = (Path(__file__).parent / "asgi_apps" / "plain_app.py").read_text()
NAMES = {"open": "/ws/{user}", "publish": "message:start_agent"}
AGENT = """
STEPS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
runs = []

async def said(user, text, send):
    asked = {**json.loads(text)["payload"], "user": user, "number": len(runs)}
    runs.append(asyncio.create_task(run(user, asked)))

async def run(user, asked):
    for number, kind in enumerate(STEPS):
        await asyncio.sleep(0.1)
        await step(user, asked, kind, number)

async def step(user, asked, kind, number):
    await tell(user, event(asked, kind, number))

def event(asked, kind, number):
    return {"type": kind, "run_id": asked["run_id"], "number": number, "user_id": asked["user"]}
"""
CURRENT = """
async def run(user, asked):
    global current
    current = user
    for number, kind in enumerate(STEPS):
        await asyncio.sleep(0.1)
        await tell(current, event(asked, kind, number))
"""
SEQUENCE = "sequence=/number"
ALL = ("isolation", "ownership", "ghost", "duplicate", "order", "delivery", "golden_path", "blocking", "crash")
RUNS = ("isolation", "duplicate", "order", "delivery", "golden_path")


@pytest.fixture
def opened(tmp_path):
    """Opens the agent, with functions of `own` in the place of its own."""

    def open_(own="", **names):
        (tmp_path / "agent.py").write_text(CHAT + AGENT + own)
        return open_target(f"asgi:{tmp_path}/agent.py:app", names={**NAMES, **names})

    return open_


def judged(examination, *checks, schedules=20):
    return examine(examination, seed=1, schedules=schedules, seconds=60, checks=checks or ALL)


def failed(examination, *checks, schedules=30):
    """The checks that find something in so many runs."""
    runs = itertools.islice(explore(examination, 1, checks=checks or RUNS), schedules)
    return {name for run in runs for name, result in run.results.items() if result.violations}


def assert_passes(verdict):
    assert [v.timeline for check in verdict.checks for v in check.violations] == []
    assert verdict.verdict == "pass", [(c.name, c.reason) for c in verdict.checks if c.verdict != "pass"]
    assert verdict.controls and all(control.caught for control in verdict.controls)


def test_the_agent_itself_passes_and_all_is_judged(opened):
    verdict = judged(opened(read=SEQUENCE), schedules=60)
    assert_passes(verdict)
    assert all(check.opportunities for check in verdict.checks)
    assert {control.check for control in verdict.controls} == {*ALL}


def test_without_numbers_order_and_duplicate_say_so_as_live(opened):
    verdict = judged(opened(), schedules=20)
    reasons = {check.name: check.reason for check in verdict.checks if check.reason}
    said = "not applicable: no pointer to sequence numbers is declared"
    assert reasons == {"order": said, "duplicate": said}


TOLD_BY = {
    "a canary in each": ("", 'return {"type": kind, "number": number, "about": asked["user_request"]}'),
    "a run id that the application made": (
        "import uuid",
        'asked.setdefault("own", str(uuid.uuid4()))'
        '\n    about = {"about": asked["user_request"]} if number == 0 else {}'
        '\n    return {"type": kind, "number": number, "run_id": asked["own"], **about}',
    ),
    "a run id in an array of events": (
        "",
        'return [{"type": kind, "number": number, "run_id": asked["run_id"]}]',
    ),
    "its owner, and a canary in the last": (
        "",
        'about = {"about": asked["user_request"]} if kind == "agent_completed" else {}'
        '\n    return {"type": kind, "number": number, "user_id": asked["user"], **about}',
    ),
}


@pytest.mark.parametrize("by", TOLD_BY)
def test_a_run_is_told_by(opened, by):
    imports, made = TOLD_BY[by]
    own = f"{imports}\ndef event(asked, kind, number):\n    {made}\n"
    examination = opened(own, read=SEQUENCE)
    assert_passes(judged(examination, *RUNS))
    assert "isolation" in failed(opened(own + CURRENT, read=SEQUENCE), "isolation")
    lost = (
        own
        + "stepping = step\nasync def step(user, asked, kind, number):\n"
        + ("    if kind != 'tool_completed' or len(sockets) < 2: await stepping(user, asked, kind, number)\n")
    )
    assert failed(opened(lost, read=SEQUENCE)) == {"golden_path"}


def test_where_events_do_not_tell_their_run_that_is_said(opened):
    own = "def event(asked, kind, number):\n    about = asked['user_request'] if number == 4 else ''\n"
    own += "    return {'type': kind, 'about': about}\n"
    verdict = judged(opened(own), "isolation", "golden_path", "delivery", schedules=10)
    assert_passes(verdict)
    reason = "not applicable: events do not tell which of a user's runs they are of: --read run=POINTER, where they do"
    assert {check.name: check.reason for check in verdict.checks if check.reason} == {"golden_path": reason}
    assert failed(opened(own + CURRENT), "isolation") == {"isolation"}


DEFECTS = {
    "isolation": "current = ''\nasync def step(user, asked, kind, number):\n    global current\n"
    "    current = user if number == 0 else current\n    await tell(current, event(asked, kind, number))\n",
    "ownership": "def event(asked, kind, number, make=event):\n"
    "    return {**make(asked, kind, number), 'user_id': 'alice'}\n",
    "duplicate": "async def step(user, asked, kind, number):\n    for _ in range(min(2, len(sockets))):\n"
    "        await tell(user, {**event(asked, kind, number), 'type': kind if _ == 0 else 'note'})\n",
    "order": "def event(asked, kind, number, make=event):\n    turned = asked.setdefault('turned', len(sockets) > 1)\n"
    "    return {**make(asked, kind, number), 'number': 5 - number if turned else number}\n",
    "golden_path": "async def step(user, asked, kind, number):\n    if kind != 'agent_completed' or len(sockets) < 2:\n"
    "        await tell(user, event(asked, kind, number))\n",
    "delivery": "async def said(user, text, send, before=said):\n"
    "    if len(sockets) < 2 or user != 'bob': await before(user, text, send)\n",
}


@pytest.mark.parametrize("check", DEFECTS)
def test_a_defect_of_a_run_is_told_by_its_check(opened, check):
    found = failed(opened(DEFECTS[check], read=SEQUENCE), *RUNS, "ownership")
    assert check in found
    # what goes to somebody else, or never begins, is incomplete for its owner
    assert found <= {check, *({"golden_path", "delivery"} if check in ("isolation", "delivery") else ())}


def test_what_an_application_says_no_to_is_not_owed(opened):
    busy = """
async def said(user, text, send):
    if any(not run.done() for run, who in runs if who == user):
        no = {"type": "error", "message": "a run is in progress: try again later"}
        return await send({"type": "websocket.send", "text": json.dumps(no)})
    asked = {**json.loads(text)["payload"], "user": user, "number": len(runs)}
    runs.append((asyncio.create_task(run(user, asked)), user))
"""
    assert failed(opened(busy), "delivery", "golden_path", "crash", schedules=60) == set()


def test_a_run_may_take_its_time(opened):
    slow = "async def run(user, asked):\n    for number, kind in enumerate(STEPS):\n" + (
        "        await asyncio.sleep(SECONDS)\n        await step(user, asked, kind, number)\n"
    )
    for seconds in (50, 100):
        assert failed(opened(f"SECONDS = {seconds}\n" + slow), "delivery", "golden_path", schedules=20) == set()


@pytest.mark.parametrize("whom", ["the connection that asked", "all of them"])
def test_whether_all_devices_of_a_user_are_sent_a_run_is_found_out(opened, whom):
    only = """
async def said(user, text, send):
    runs.append(asyncio.create_task(run([send], {**json.loads(text)["payload"], "user": user})))

async def tell(sends, event):
    with suppress(OSError):
        await sends[0]({"type": "websocket.send", "text": json.dumps(event)})
"""
    examination = opened(only if whom == "the connection that asked" else "")
    assert examination.adapter.replaces is (whom == "the connection that asked")
    assert failed(examination, *RUNS, "ghost") == set()


def test_a_device_that_lacks_what_another_one_is_sent(opened):
    own = """
async def tell(user, event):
    for send in sockets.get(user, ())[:2 - event["number"] % 2]:
        with suppress(OSError):
            await send({"type": "websocket.send", "text": json.dumps(event)})
"""
    examination = opened(own)
    history = examination.play(
        Program(("alice", "bob"), (0, 0, 1), ((Connect(0), Connect(1), Connect(2), Publish(0)),))
    )
    lost = find(history, "delivery", "lost on a device")
    assert lost.message == (
        "device 1 of 'alice' lacks 2 of 5 events of run 0 (agent_thinking, tool_completed), which arrived on another "
        "device of that user"
    )


def test_a_request_may_start_a_run(opened):
    own = """
async def take(user, body, receive):
    runs.append(asyncio.create_task(run(user, {**json.loads(body), "user": user})))
    return 202
"""
    names = {"publish": "POST /users/{user}/events", "body": '{"ask": "{text}", "run_id": "{run}"}', "read": SEQUENCE}
    assert_passes(judged(opened(own, **names), *RUNS))
    for defect in ("isolation", "golden_path", "duplicate"):
        assert defect in failed(opened(own + DEFECTS[defect], **names))


def test_whoever_leaves_may_have_the_run_taken_back(opened):
    own = """
async def said(user, text, send):
    runs.append((send, asyncio.create_task(run(user, {**json.loads(text)["payload"], "user": user}))))

async def leave(user, send, before=leave):
    for mine in [task for other, task in runs if other is send]: mine.cancel()
    await before(user, send)
"""
    examination = opened(own)
    program = Program(("alice", "bob"), (0, 0, 1), ((Connect(0), Connect(1), Publish(0)), (Disconnect(1),)))
    history, _ = examination.run(program, Plain())
    assert history.answers.history.runs[0].status != 0
    assert failed(examination, *RUNS, schedules=60) == set()
