"""How an application is served in memory: what it is given, what its messages mean, what is said of one that isn't."""

from pathlib import Path

import pytest

from crosstalk.examination import examine, find, open_target
from crosstalk.scenarios.program import Cancel, Connect, Disconnect, Drop, Program, Publish, Stall, Wait
from crosstalk.targets.loader import TargetError

CHAT = (Path(__file__).parent / "asgi_apps" / "plain_app.py").read_text()
NAMES = {"open": "/ws/{user}", "publish": "POST /users/{user}/events"}
TWO = (Connect(0), Connect(1))


@pytest.fixture
def opened(tmp_path):
    """Opens the plain chat, with functions of `own` in the place of its own."""

    def open_(own="", app="app", **names):
        (tmp_path / "chat.py").write_text(CHAT + own)
        return open_target(f"asgi:{tmp_path}/chat.py:{app}", names={**NAMES, **names})

    return open_


@pytest.fixture
def refusal(opened):
    """The sentence with which the chat is refused."""

    def refused(own="", **names):
        with pytest.raises(TargetError) as caught:
            opened(own, **names)
        sentence = str(caught.value)
        assert "\n" not in sentence
        return sentence.partition("chat.py:app ")[2] or sentence

    return refused


def play(examination, *steps, users=("alice", "bob"), devices=(0, 1)):
    return examination.play(Program(users, devices, (steps,)))


def calls(history, kind):
    return [call for call in history.calls if call.kind == kind]


def frames(history):
    return [frame.sample for frame in history.frames]


def judged(examination, schedules=120, seconds=60.0, **options):
    return examine(examination, seed=1, schedules=schedules, seconds=seconds, **options)


def failed(examination, *checks, schedules=120, **options):
    verdict = judged(examination, schedules, checks=checks, **options)
    return {check.name for check in verdict.checks if check.verdict == "fail"}


def assert_passes(verdict):
    assert [v.timeline for check in verdict.checks for v in check.violations] == []
    assert verdict.verdict == "pass", [(c.name, c.reason) for c in verdict.checks if c.verdict != "pass"]
    assert verdict.controls and all(control.caught for control in verdict.controls)


def test_the_chat_itself_passes(opened):
    assert_passes(judged(opened(), 250))


# -- what the application is given ------------------------------------------------------------------------------------

TELLS = """
async def accept(scope, send):
    chosen = next(iter(scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    headers = {k.decode(): v.decode("latin-1") for k, v in scope["headers"]}
    told = {**scope, "raw_path": scope["raw_path"].decode(), "query_string": scope["query_string"].decode(), **headers}
    await send({"type": "websocket.send", "text": json.dumps({name: told.get(name) for name in WANTED})})
"""


def told(opened, wanted, users=("alice", "bob"), **names):
    """What the application saw of the first user's connection."""
    import json

    history = play(opened(TELLS + f"WANTED = {wanted.split()!r}\n", **names), *TWO, users=users)
    return json.loads(frames(history)[0])


def test_scope_of_a_connection(opened, monkeypatch):
    monkeypatch.setenv("API_KEY", "k3y")
    assert told(
        opened,
        "type path query_string subprotocols state scheme upgrade sec-websocket-protocol authorization x-key cookie",
        open="/ws/{user}?v=2",
        header="Authorization: Bearer {token}\nX-Key: {env:API_KEY}",
        subprotocol="jwt.{token}\nchat",
        query="who={user}",
        cookie="session={token}\nlang=en",
    ) == {
        "type": "websocket",
        "path": "/ws/alice",
        "query_string": "v=2&who=alice",
        "subprotocols": ["jwt.alice", "chat"],
        "state": {"greeting": "hello"},
        "scheme": "ws",
        "upgrade": "websocket",
        "sec-websocket-protocol": "jwt.alice, chat",
        "authorization": "Bearer alice",
        "x-key": "k3y",
        "cookie": "session=alice; lang=en",
    }


LOGS_IN = """
from urllib.parse import quote
import os
import jwt

def who(scope):
    carried = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
    return jwt.decode(carried, os.environ["CROSSTALK_JWT_SECRET"], algorithms=["HS256"], options={"require": ["exp"]})

async def guarded(scope, receive, send):
    if scope["type"] in ("websocket", "http"):
        user = who(scope)["sub"]
        user = quote(user, safe="")
        place = f"/ws/{user}" if scope["type"] == "websocket" else f"/users/{user}/events"
        scope = {**scope, "path": place, "raw_path": place.encode()}
    await app(scope, receive, send)
"""
SECRET = "a secret that is long enough for HS256, surely"


def test_users_log_in_as_to_a_live_system(opened, monkeypatch):
    monkeypatch.setenv("CROSSTALK_JWT_SECRET", SECRET)
    names = {"open": "/ws", "publish": "POST /events", "auth": "jwt claims.org=acme"}
    verdict = judged(opened(LOGS_IN, app="guarded", **names))
    assert verdict.verdict == "pass", [(c.name, c.reason, c.violations) for c in verdict.checks if c.verdict != "pass"]
    assert next(c for c in verdict.checks if c.name == "isolation").opportunities > 100
    assert next(c for c in verdict.checks if c.name == "cleanup").opportunities > 20, "log-ins leave nothing behind"


def test_the_log_in_is_carried_beside_the_other_options(opened, monkeypatch):
    monkeypatch.setenv("CROSSTALK_JWT_SECRET", SECRET)
    given = told(
        opened,
        "query_string x-key subprotocols",
        header="X-Key: k",
        query="v=2",
        subprotocol="chat",
        auth="jwt carrier=query:access_token",
    )
    assert given["query_string"].startswith("v=2&access_token=eyJ")
    assert given["x-key"] == "k" and given["subprotocols"] == ["chat"]


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ("jwt", "HS256 tokens need a key: set CROSSTALK_JWT_SECRET"),
        ("oauth:https://id.example", "--auth oauth logs in elsewhere, which no run in memory does: give --token"),
        ("magic", "is no kind of log-in"),
    ],
)
def test_a_log_in_that_can_not_be_had_is_said(refusal, monkeypatch, auth, words):
    monkeypatch.delenv("CROSSTALK_JWT_SECRET", raising=False)
    assert words in refusal(auth=auth)


def test_host_and_origin_may_be_given(opened):
    assert told(opened, "host origin") == {"host": "localhost", "origin": "http://localhost"}
    given = told(opened, "host origin", header="Host: chat.example\nOrigin: https://chat.example")
    assert given == {"host": "chat.example", "origin": "https://chat.example"}


def test_ids_are_encoded_in_paths_and_queries(opened):
    given = told(opened, "path raw_path query_string", users=("a b%é", "bob"), query="me={user}")
    assert given == {"path": "/ws/a b%é", "raw_path": "/ws/a%20b%25%C3%A9", "query_string": "me=a+b%25%C3%A9"}


@pytest.mark.parametrize("place", ["header", "cookie", "subprotocol"])
def test_who_has_an_id_that_can_not_stand_there_does_not_connect_and_is_no_violation(opened, place):
    template = {"header": "X-User: {user}", "cookie": "user={user}", "subprotocol": "user.{user}"}[place]
    history = play(opened(TELLS + "WANTED = []\n", **{place: template}), *TWO, users=("an é", "bob"))
    assert [episode.refused for episode in history.episodes] == [True, False]
    assert all(call.status == 1 for call in calls(history, "connect"))


def test_tokens_are_made_by_a_callable_of_the_project(opened):
    own = TELLS + "WANTED = ['x-token']\nasync def token(user): return f'<{user}>'\n"
    history = play(opened(own, header="X-Token: {token}", token="chat:token"), *TWO)
    assert frames(history)[:2] == ['{"x-token": "<alice>"}', '{"x-token": "<bob>"}']


ECHO = """
async def said(user, text, send):
    await send({"type": "websocket.send", "text": text})
"""


def test_a_client_may_speak_first(opened):
    history = play(opened(ECHO, hello='{"type": "auth", "token": "{token}"}'), *TWO)
    assert frames(history)[:2] == ['{"type": "auth", "token": "alice"}', '{"type": "auth", "token": "bob"}']


LATE = """
registering = register
async def register(user, send):
    await asyncio.sleep(SECONDS)
    await registering(user, send)
    await send({"type": "websocket.send", "text": "connection_established"})
"""


def test_a_connection_is_open_when_the_application_waits_for_the_client(opened):
    assert failed(opened(LATE + "SECONDS = 0"), "delivery") == set()
    # a second after the client was told that it is connected is too late, unless a first frame is what tells it
    assert failed(opened(LATE + "SECONDS = 1"), "delivery") == {"delivery"}
    assert failed(opened(LATE + "SECONDS = 1", ready="frame"), "delivery") == set()


# -- lifespan ---------------------------------------------------------------------------------------------------------


def test_each_run_is_started_and_shut_down(opened, tmp_path):
    log = tmp_path / "log"
    examination = opened(f"""
async def starting(state, send):
    with open({str(log)!r}, "a") as log: log.write("up ")
    await send({{"type": "lifespan.startup.complete"}})

async def stopping(send):
    with open({str(log)!r}, "a") as log: log.write("down ")
    await send({{"type": "lifespan.shutdown.complete"}})
""")
    log.write_text("")
    play(examination, *TWO, Publish(0))
    play(examination, *TWO, Publish(0))
    assert log.read_text() == "up down up down "


def test_an_application_without_lifespan_is_served(opened):
    history = play(opened("async def lifespan(scope, receive, send): raise ValueError(scope['type'])\n"), *TWO)
    assert len(history.send_start) == 2  # a probe for each


def test_workers_that_the_application_starts_for_itself_are_no_leftovers(opened):
    own = """
async def work(): await asyncio.Event().wait()

async def starting(state, send):
    global workers
    workers = [asyncio.create_task(work()) for _ in range(3)]
    await send({"type": "lifespan.startup.complete"})

async def stopping(send):
    for worker in workers: worker.cancel()
    await send({"type": "lifespan.shutdown.complete"})
"""
    assert failed(opened(own), "cleanup") == set()
    leaky = (
        own
        + "registering = register\nasync def register(user, send):\n    workers.append(asyncio.create_task("
        + ("work()))\n    await registering(user, send)\n")
    )
    assert failed(opened(leaky), "cleanup", schedules=40, seconds=3) == {"cleanup"}


@pytest.mark.parametrize(
    ("doing", "words"),
    [
        ("await send({'type': 'lifespan.startup.failed', 'message': 'Traceback:\\n  OSError: no database'})",
         "failed to start: OSError: no database"),
        ("await asyncio.Event().wait()", "never finished starting"),
        ("import time\n    while True: pass", "kept the thread"),
    ],
    ids=["failed", "never", "blocks"],
)  # fmt: skip
def test_an_application_that_does_not_start(refusal, doing, words):
    assert words in refusal(f"async def starting(state, send):\n    {doing}\n")


def test_an_application_that_opens_real_sockets(refusal):
    sentence = refusal("""
async def starting(state, send):
    try:
        await asyncio.open_connection("127.0.0.1", 9)
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
""")
    assert "failed to start: the broadcaster opened a real socket" in sentence


# -- handshakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("doing", "words"),
    [
        ("await send({'type': 'websocket.close', 'code': 1008})\n    return False",
         "let nobody in: it closed the connection before accepting it (HTTP 403, code 1008)"),
        ("await send({'type': 'websocket.http.response.start', 'status': 401, 'headers': []})\n"
         "    await send({'type': 'websocket.http.response.body', 'body': b'who are you?'})\n    return False",
         "let nobody in: it answered HTTP 401: who are you?"),
        ("await send({'type': 'websocket.accept'})\n"
         "    await send({'type': 'websocket.close', 'code': 4401, 'reason': 'log in'})\n    return False",
         "let nobody in: it accepted the connection and closed it with code 4401 (log in)"),
        ("return False", "let nobody in: it ended without accepting the connection"),
        ("raise LookupError('no route')", "let nobody in: LookupError: no route"),
        ("await send({'type': 'websocket.accept', 'subprotocol': 'v1'})",
         "let nobody in: it chose the subprotocol 'v1', which the client did not offer"),
        ("await asyncio.Event().wait()", "never accepted a connection"),
    ],
    ids=["close", "denial", "accept and close", "return", "raise", "subprotocol", "never"],
)  # fmt: skip
def test_an_application_that_lets_nobody_in(refusal, doing, words):
    assert refusal(f"async def accept(scope, send):\n    {doing}\n").startswith(words)


REFUSES = """
accepting = accept
async def accept(scope, send):
    if {condition}:
        await send({{"type": "websocket.close"}})
        return False
    await accepting(scope, send)
"""


def test_refusing_one_user_is_a_violation_and_refusing_an_unusual_id_is_none(opened):
    examination = opened(REFUSES.format(condition="name(scope) == 'carol' and len(sockets) > 1"))
    history = play(examination, *TWO, Connect(2), users=("alice", "bob", "carol"), devices=(0, 1, 2))
    third = calls(history, "connect")[2]
    assert ("before accepting" in third.error, third.excused) == (True, False)
    unusual = opened(REFUSES.format(condition="not name(scope).isalnum() or not name(scope).isascii()"))
    assert failed(unusual, "crash", "delivery", family="identity") == set()


# -- publishing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("async def take(user, body, receive): return 404",
         "took no event: POST /users/alice/events was answered 404; is --publish right?"),
        ("async def take(user, body, receive): raise KeyError('tenant')", "took no event: KeyError: 'tenant'"),
        ("async def take(user, body, receive): return 204", "delivered nothing: two users connected"),
        ("async def answer(send, status): pass", "took no event: POST /users/alice/events was not answered"),
    ],
    ids=["404", "raises", "lost", "no answer"],
)  # fmt: skip
def test_publishing_that_never_works(refusal, own, words):
    assert refusal(own).startswith(words)


def test_an_application_that_blocks_the_thread_is_a_violation(opened):
    own = """
async def take(user, body, receive):
    while user == "mallory": pass
    await tell(user, json.loads(body))
    return 204
"""
    history = play(opened(own), Publish(0), users=("mallory", "bob"))
    blocked = find(history, "crash", "kept the thread")
    assert blocked is not None
    assert blocked.message == "publish of 'mallory' kept the thread for 3 s without awaiting"


def test_an_answer_that_is_an_error_is_a_violation_unless_the_user_is_absent(opened):
    absent = "\nasync def take(user, body, receive):\n    if user not in sockets: return 404\n" + (
        "    await tell(user, json.loads(body))\n    return 200\n"
    )
    assert failed(opened(absent), "crash") == set()
    present = absent.replace("not in sockets: return 404", "in sockets and len(sockets) > 1: return 503")
    history = play(opened(present.replace("> 1", "> 2")), *TWO, Connect(2), users=("a", "b", "c"), devices=(0, 1, 2))
    probe = calls(history, "publish")[0]
    assert ("was answered 503" in probe.error, probe.excused) == (True, False)


def test_where_nothing_asked_for_can_be_judged_nothing_is_run(opened):
    verdict = judged(opened(), checks=("truthful_count",))
    assert verdict.explored.schedules == 0
    assert verdict.checks[0].reason == "not applicable: an HTTP answer is no count of connections"


def test_events_may_be_caused_by_a_callable(opened):
    assert_passes(judged(opened(publish="chat:tell"), 250))
    own = "async def told(user, event, app):\n    assert app.__name__ == 'app'\n    await tell(user, event)\n"
    assert len(play(opened(own, publish="chat:told"), *TWO, Publish(0)).send_start) == 3


AFTERWARDS = """
for_whom = None

async def take(user, body, receive):
    global for_whom
    for_whom = user, body
    return 202

async def answer(send, status, answering=answer):
    user, body = for_whom
    await answering(send, status)
    await tell(WHOM, json.loads(body))
"""


def test_work_after_the_answer_goes_to_whom_it_is_for(opened):
    """As background tasks do. Sends on one connection end in their order, as bytes do, so it overtakes none."""
    assert failed(opened(AFTERWARDS.replace("WHOM", "user")), "isolation", "order", "delivery", schedules=400) == set()
    assert "isolation" in failed(opened(AFTERWARDS.replace("WHOM", "for_whom[0]")), "isolation", "order", schedules=40)


def test_each_check_has_an_opportunity_however_little_time_there_is(opened):
    verdict = judged(opened(), schedules=1)
    assert_passes(verdict)
    assert all(check.opportunities for check in verdict.checks if check.name != "truthful_count")


PLAIN_IDS = """
def plain(user):
    if not (user.isascii() and user.isalnum() and len(user) < 90): raise TypeError("group name " + user)

async def accept(scope, send):
    plain(name(scope))
    await send({"type": "websocket.accept"})

async def told(user, event):
    plain(user)
    await tell(user, event)

async def take(user, body, receive):
    try: plain(user)
    except TypeError: return 500
    await tell(user, json.loads(body))
    return 204
"""


@pytest.mark.parametrize("publish", ["chat:told", NAMES["publish"]])
def test_an_application_need_not_take_every_id(opened, publish):
    """As Django Channels, whose groups have names of few letters."""
    examination = opened(PLAIN_IDS, publish=publish)
    assert failed(examination, "crash", "delivery", family="identity") == set()
    history = examination.play(Program(("alice", "a@b", "u" * 120), (0, 1, 2), ((*TWO, Connect(2), Publish(2)),)))
    assert [episode.refused for episode in history.episodes] == [False, True, True]
    taken = opened(PLAIN_IDS.replace("    plain(name(scope))\n", ""), publish=publish)
    assert failed(taken, "crash", family="identity") == {"crash"}


def test_a_body_of_the_applications_own_form(opened):
    own = """
async def take(user, body, receive):
    body = json.loads(body)
    assert set(body) == {"msg", "kind"}
    await tell(user, body["msg"])
    return 202
"""
    verdict = judged(opened(own, body='{"msg": "{text} {canary}", "kind": "{type}"}'), 200)
    assert_passes(verdict)
    reasons = {check.name: check.reason for check in verdict.checks if check.reason}
    assert set(reasons) == {"integrity", "golden_path", "ownership", "truthful_count"}
    assert all(reason.startswith("not applicable: ") for reason in reasons.values())


def test_a_client_that_gives_up_is_told_to_the_application(opened, tmp_path):
    log = tmp_path / "log"
    examination = opened(f"""
async def take(user, body, receive):
    await tell(user, json.loads(body))
    if user == "alice" and b"probe" not in body:
        message = await receive()
        with open({str(log)!r}, "a") as log: log.write(message["type"])
    return 204
""")
    log.write_text("")
    history = examination.play(Program(("alice", "bob"), (0, 1), ((*TWO, Wait(1), Publish(0)), (Wait(3), Cancel(0)))))
    assert log.read_text() == "http.disconnect"
    assert [call.excused for call in calls(history, "publish") if call.status == 3] == [True]


TELL = """
async def said(user, text, send):
    await tell(user, json.loads(text))
"""


def test_the_users_own_message_echoed_back(opened):
    verdict = judged(opened(TELL, publish="message"), 400)
    assert_passes(verdict)
    assert {check.name for check in verdict.checks if "not applicable" in check.reason} == {"order", "truthful_count"}


@pytest.mark.parametrize("form", ["message", "message:start_agent", "message:user_message", "message:chat"])
def test_a_leak_among_answers_to_users_own_messages(opened, form):
    current = """
async def said(user, text, send):
    global current
    current = user
    await asyncio.sleep(0)
    await tell(current, json.loads(text))
"""
    verdict = judged(opened(current, publish=form), checks=("isolation",))
    assert verdict.verdict == "fail"
    assert {len(leak.users) for leak in verdict.checks[0].violations} == {2}


NESTED = """
telling = tell
async def tell(user, event):
    named = NAMED.get(user, user)
    event = {key: value for key, value in event.items() if key != "user_id"}
    await telling(user, {"kind": event["type"], "data": {"to": named, "event": event}})
"""


def test_an_owner_that_stands_deeper_is_declared_as_for_a_live_system(opened):
    options = {"publish": "chat:tell", "read": "owner=/data/to\ntype=/kind"}
    checks = ("isolation", "ownership", "golden_path")
    assert_passes(judged(opened(NESTED + "NAMED = {}\n", **options), checks=checks))
    misnamed = NESTED + "NAMED = {'alice': 'bob'}\n"
    assert failed(opened(misnamed, **options), *checks, schedules=20) == {"ownership"}
    verdict = judged(opened(misnamed, publish="chat:tell"), 20, checks=("ownership",))
    assert "no frame names the user whom it is for" in verdict.checks[0].reason, "undeclared it is nobody's owner"


@pytest.mark.parametrize(
    ("pointer", "words"),
    [
        ("owner", "--read 'owner': give PART=POINTER with one of type, owner, run, thread, sequence"),
        ("user=/a", "--read 'user=/a': give PART=POINTER"),
        ("owner=data/to", "--read 'data/to' is no JSON Pointer"),
    ],
)
def test_a_pointer_that_is_none(refusal, pointer, words):
    assert words in refusal(read=pointer)


PACKED = """
import msgspec

async def tell(user, event):
    for send in list(sockets.get(user, ())):
        with suppress(OSError):
            await send({"type": "websocket.send", "bytes": msgspec.msgpack.encode({"event": {**event, **CHANGE}})})
"""


def test_binary_frames_of_messagepack_are_read(opened):
    assert_passes(judged(opened(PACKED + "CHANGE = {}\n"), 40))
    changed = opened(PACKED + "CHANGE = {'thread_id': 'thread-x', 'user_id': 'alice'}\n")
    assert failed(changed, "integrity", "ownership", schedules=5) == {"integrity", "ownership"}


# -- the end of a connection ------------------------------------------------------------------------------------------


def test_the_disconnect_returns_when_the_application_has_ended(opened):
    slow = "leaving = leave\nasync def leave(user, send):\n    await asyncio.sleep(7)\n    await leaving(user, send)\n"
    history = play(opened(slow), *TWO, Disconnect(0))
    left = calls(history, "disconnect")[0]
    moved = [time for time, note in history.notes if note.startswith("time moves on by")]
    assert left.started < moved[0] < left.returned
    assert failed(opened(slow), "ghost", "crash", "delivery") == set()


def test_an_application_that_never_ends_is_shown_where_it_waits(opened):
    own = "async def leave(user, send):\n    await asyncio.Event().wait()\n"
    history = play(opened(own), *TWO, Publish(0))
    stuck = calls(history, "disconnect")[0]
    line = (CHAT + own).splitlines().index("    await asyncio.Event().wait()") + 1
    assert stuck.returned > history.now
    assert stuck.where.endswith(f"chat.py:{line} in leave")


def test_an_application_that_never_reads_learns_of_the_end_by_its_next_send(opened):
    """Its disconnect returns all the same, and the send that tells it is no ghost."""
    pushes = """
async def listen(user, receive, send):
    while True:
        await asyncio.sleep(20)
        await send({"type": "websocket.send", "text": "ping"})
"""
    history = play(opened(pushes), *TWO, Disconnect(0), Publish(1))
    assert calls(history, "disconnect")[0].status == 1
    assert failed(opened(pushes), "ghost", "crash", schedules=40) == set()


def test_a_pending_send_raises_when_the_client_goes_as_a_servers_does(opened):
    own = """
async def take(user, body, receive):
    try:
        await sockets[user][0]({"type": "websocket.send", "text": "x" + body.decode()})
    except OSError as error:
        await tell("bob", type(error).__name__)
    return 204
"""
    examination = opened(own)
    program = Program(("alice", "bob"), (0, 1), ((*TWO, Stall(0), Publish(0)), (Wait(5), Drop(0))))
    assert '"ConnectionResetError"' in frames(examination.play(program))


def test_a_registry_that_keeps_who_has_left_is_a_ghost(opened):
    assert failed(opened("async def leave(user, send): pass\n"), "ghost", schedules=40) == {"ghost"}


def test_what_a_handler_raises_is_told(opened):
    own = "async def said(user, text, send):\n    if user == 'carol': raise KeyError('tenant')\n"
    history = play(opened(own + TELL.replace("said", "unused"), hello="hi"), *TWO, users=("carol", "bob"))
    raised = [(call.kind, call.error, call.excused) for call in history.calls if call.error]
    assert raised == [("connect", "KeyError: 'tenant'", False)]
    own += "    await tell(user, text)\n"
    history = play(opened(own, publish="message"), *TWO, Publish(0), users=("carol", "bob"))
    raised = [(call.kind, call.error, call.excused) for call in history.calls if call.error]
    assert raised == [("disconnect", "KeyError: 'tenant'", False)]


def test_the_end_that_a_handler_does_not_catch_is_no_crash(opened):
    goodbye = (
        "listening = listen\nasync def listen(user, receive, send):\n    await listening(user, receive, send)\n"
        + ("    await send({'type': 'websocket.send', 'text': 'goodbye'})\n")
    )
    assert failed(opened(goodbye), "crash") == set()


def test_asking_for_a_message_after_a_send_has_failed_is_no_crash(opened):
    own = """
from starlette.websockets import WebSocket, WebSocketDisconnect

async def chat(scope, receive, send):
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    await register(name(scope), send)
    try:
        with suppress(WebSocketDisconnect):
            await asyncio.sleep(1)
            await websocket.send_text("tick")
        await websocket.receive_text()
    finally:
        await leave(name(scope), send)
"""
    history = play(opened(own), *TWO, Stall(0), Wait(3), Disconnect(0))
    assert [call.error for call in calls(history, "disconnect")] == ["", ""]


def test_an_application_that_closes(opened):
    own = """
async def said(user, text, send):
    if user != "carol":
        return await tell(user, text)
    await send({"type": "websocket.close", "code": 4000})
    try:
        await send({"type": "websocket.send", "text": text})
    except RuntimeError as error:
        await tell("bob", str(error)[:31])
"""
    history = play(opened(own, publish="message"), *TWO, Publish(0), users=("carol", "bob"))
    assert any("the broadcaster closes socket 0" in note for _, note in history.notes)
    assert any("Cannot call" in frame for frame in frames(history))
    assert all(call.status == 1 for call in history.calls)


def test_a_user_who_gives_up_connecting(opened):
    slow = "accepting = accept\nasync def accept(scope, send):\n    await asyncio.sleep(5)\n" + (
        "    await accepting(scope, send)\n"
    )
    history = opened(slow).play(Program(("alice", "bob"), (0, 1), ((Connect(0),), (Wait(1), Cancel(0), Connect(1)))))
    assert sorted(call.status for call in calls(history, "connect")) == [1, 3]
    assert history.leftover_tasks == ()
