"""How a user names an application and says how it is reached: command, pytest, replay; and what is said of mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crosstalk.examination import open_target
from crosstalk.scenarios.program import Connect, Program, Publish
from crosstalk.scenarios.token import read
from crosstalk.targets.asgi.options import parse
from crosstalk.targets.loader import TargetError

CHAT = (Path(__file__).parent / "asgi_apps" / "plain_app.py").read_text()
POST = "POST /users/{user}/events"
NAMES = {"open": "/ws/{user}", "publish": POST}
LEAK = """
async def take(user, body, receive):
    global current
    current = user
    await asyncio.sleep(0)
    await tell(current, json.loads(body))
    return 204
"""
PLAY = Program(("alice", "bob"), (0, 1), ((Connect(0), Connect(1), Publish(0), Publish(1)),))


def crosstalk(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-W", "error", "-c", "from crosstalk.cli import main; main()", *arguments]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


# -- the command ------------------------------------------------------------------------------------------------------


def test_a_leak_is_found_by_the_command_and_replayed_from_its_token(tmp_path):
    (tmp_path / "chat.py").write_text(CHAT + LEAK + "\ndef token(user): return 't' + user\n")
    options = ("--open", "/ws/{user}", "--publish", POST, "--header", "X-Token: {token}", "--header", "X-Other: 1")
    done = crosstalk("check", "asgi:chat.py:app", *options, "--token", "chat:token", "--budget", "4", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    leak = next(check for check in verdict["checks"] if check["name"] == "isolation")["violations"][0]
    assert leak["cause"] == "leak" and len(leak["users"]) == 2
    assert read(leak["replay"]).names == {
        "open": "/ws/{user}",
        "publish": POST,
        "header": "X-Token: {token}\nX-Other: 1",
        "token": "chat:token",
    }
    replayed = crosstalk("replay", leak["replay"], cwd=tmp_path)
    assert replayed.returncode == 1, replayed.stderr
    assert replayed.stdout.strip() == leak["timeline"].strip()


def test_a_dotted_module_in_the_working_directory_passes(tmp_path):
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text(CHAT)
    arguments = ("check", "asgi:app.main:app", "--open", "/ws/{user}", "--publish", POST, "--budget", "4")
    done = crosstalk(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "truthful_count             0 opportunities  (not applicable: an HTTP answer is no count" in done.stdout


def test_an_application_that_does_not_start_is_a_target_error(tmp_path):
    refuses = "\nasync def starting(state, send):\n" + (
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )
    (tmp_path / "chat.py").write_text(CHAT + refuses)
    done = crosstalk("check", "asgi:chat.py:app", "--open", "/ws/{user}", "--publish", POST, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "crosstalk: asgi:chat.py:app failed to start: no database\n"


def test_a_secret_of_the_environment_stands_in_no_report(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAT_KEY", "very-secret-key")
    guarded = (
        "\nasync def accept(scope, send):\n    assert dict(scope['headers'])[b'x-key'] == b'very-secret-key'\n"
        + ("    await send({'type': 'websocket.accept'})\n")
    )
    (tmp_path / "chat.py").write_text(CHAT + LEAK + guarded)
    options = ("--open", "/ws/{user}", "--publish", POST, "--header", "X-Key: {env:CHAT_KEY}", "--budget", "3")
    done = crosstalk("check", "asgi:chat.py:app", *options, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    written = (tmp_path / "reports" / "verdict.json").read_text()
    tokens = [v["replay"] for check in json.loads(written)["checks"] for v in check["violations"]]
    assert all(read(token).names["header"] == "X-Key: {env:CHAT_KEY}" for token in tokens)
    assert "very-secret-key" not in done.stdout + done.stderr + written


# -- pytest -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["option", "ini", "environment"])
def test_each_way_of_naming_an_application_in_pytest(pytester, monkeypatch, way):
    monkeypatch.delenv("CROSSTALK_BROADCASTER", raising=False)
    guarded = "\nasync def accept(scope, send):\n    given = dict(scope['headers'])\n" + (
        "    assert (given[b'x-one'], given[b'x-two']) == (b'1, 1', b'2')\n"
        "    await send({'type': 'websocket.accept'})\n"
    )
    (pytester.path / "chat.py").write_text(CHAT + LEAK + guarded)
    pytester.makepyfile("def test_it(crosstalk): crosstalk.explore(checks=('isolation',), schedules=80)")
    arguments = []
    if way == "option":
        arguments = ["--broadcaster", "asgi:chat.py:app", "--crosstalk-open", "/ws/{user}", "--crosstalk-publish", POST]
        arguments += ["--crosstalk-header", "X-One: 1, 1", "--crosstalk-header", "X-Two: 2"]
    elif way == "ini":
        pytester.makeini(
            "[pytest]\ncrosstalk_broadcaster = asgi:chat.py:app\ncrosstalk_open = /ws/{user}\n"
            f"crosstalk_publish = {POST}\ncrosstalk_header =\n    X-One: 1, 1\n    X-Two: 2\n"
        )
    else:
        monkeypatch.setenv("CROSSTALK_BROADCASTER", "asgi:chat.py:app")
        monkeypatch.setenv("CROSSTALK_OPEN", "/ws/{user}")
        monkeypatch.setenv("CROSSTALK_PUBLISH", POST)
        monkeypatch.setenv("CROSSTALK_HEADER", "X-One: 1, 1\nX-Two: 2")
    result = pytester.runpytest_subprocess("-p", "no:asyncio", "-W", "error", *arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["isolation: * was sent an event that belongs to *", "replay: crosstalk replay ct1-*"])


def test_a_mistake_is_one_sentence_in_pytest(pytester, monkeypatch):
    monkeypatch.delenv("CROSSTALK_BROADCASTER", raising=False)
    (pytester.path / "chat.py").write_text(CHAT)
    pytester.makepyfile("def test_it(crosstalk): crosstalk.explore(schedules=5)")
    result = pytester.runpytest_subprocess("-p", "no:asyncio", "--broadcaster", "asgi:chat.py:app")
    result.stdout.fnmatch_lines(["crosstalk: asgi:chat.py:app: say where users connect: --open /ws*"])
    assert "Traceback" not in result.stdout.str()


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({}, "say where users connect"),
        ({"open": "ws"}, "--open 'ws' is no path"),
        ({"open": "/ws"}, "say how an event is caused"),
        ({"open": "/ws", "publish": "POST users"}, "--publish 'POST users' is no request"),
        ({"open": "/ws", "publish": "SEND /users"}, "'SEND /users' is no request: give a method (POST, PUT"),
        ({"open": "/ws", "publish": "broadcast"}, "--publish 'broadcast' is not understood"),
        ({"open": "/ws", "publish": "message:shout"}, "is no known message: there are start_agent"),
        ({"open": "/ws/{name}", "publish": POST}, "--open has a placeholder {name}"),
        ({"open": "/ws", "publish": POST, "header": "Bearer {token}"}, "give 'Name: value'"),
        ({"open": "/ws", "publish": POST, "query": "token"}, "give 'name=value'"),
        ({"open": "/ws", "publish": POST, "cookie": "{env:NO_SUCH_NAME}"}, "give 'name=value'"),
        ({"open": "/ws", "publish": POST, "cookie": "a={env:NO_SUCH_NAME}"}, "the environment has no variable NO_SUCH"),
        ({"open": "/ws", "publish": POST, "token": "mint"}, "--token 'mint' is no callable"),
        ({"open": "/ws", "publish": POST, "ready": "soon"}, "--ready 'soon': give auto, accept or frame"),
        ({"open": "/ws", "publish": POST, "connect": "join"}, "give --open PATH instead of --connect"),
    ],
)
def test_mistakes_in_options(names, words):
    with pytest.raises(ValueError) as caught:
        parse(names)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "spec", "words"),
    [
        ("", "nothing.py:app", "there is no file nothing.py"),
        ("", "no_such_module_here:app", "no_such_module_here could not be imported"),
        ("", "chat.py", "is no application: give asgi:module:app"),
        ("raise OSError('no settings')", "chat.py:app", "could not be imported: OSError: no settings"),
        ("one = 1", "chat.py:app", "has no attribute 'app'; it defines one"),
        ("app = 1", "chat.py:app", "is no ASGI application and no factory of one but a int"),
        ("def app(environ, start_response): pass", "chat.py:app", "is a WSGI application"),
        ("def app(): return 1", "chat.py:app", "made no ASGI application but a int"),
        ("def app(): raise OSError('no settings')", "chat.py:app", "OSError: no settings"),
        ("async def app(scope, receive, send): pass\nx = 1", "chat.py:app", "let nobody in"),
    ],
)
def test_mistakes_in_what_is_named(tmp_path, monkeypatch, source, spec, words):
    monkeypatch.chdir(tmp_path)
    if source:
        (tmp_path / "chat.py").write_text(source)
    with pytest.raises(TargetError) as caught:
        open_target(f"asgi:{spec}", names=NAMES)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_applications_are_refused_for_other_targets():
    with pytest.raises(TargetError, match=r"--open, --publish-header tells how to reach an ASGI application"):
        open_target("crosstalk.reference.hub:Hub", names={"open": "/ws", "publish_header": "A: b"})


def test_an_application_given_as_a_broadcaster_is_recognised(tmp_path):
    (tmp_path / "main.py").write_text("from starlette.applications import Starlette\napp = Starlette()\n")
    with pytest.raises(
        TargetError, match=r"main\.py:app is an ASGI application: give asgi:\S*main\.py:app with --open"
    ):
        open_target(f"{tmp_path}/main.py:app")


def test_a_missing_greenlet_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "greenlet", None)
    for name in [name for name in sys.modules if name in ("crosstalk.asgi", "crosstalk.targets.asgi.threads")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "crosstalk.targets.asgi.application", raising=False)
    with pytest.raises(TargetError, match=r"need greenlet.*pip install 'pytest-crosstalk"):
        open_target("asgi:chat:app", names=NAMES)


# -- factories and modules --------------------------------------------------------------------------------------------


SERVES = """class make:
    async def __call__(self, scope, receive, send): await app(scope, receive, send)"""


@pytest.mark.parametrize(
    "factory",
    ["def make(): return app", "async def make(): return app", SERVES],
    ids=["function", "async function", "class"],
)
def test_factories(tmp_path, factory):
    (tmp_path / "chat.py").write_text(CHAT + factory + "\n")
    history = open_target(f"asgi:{tmp_path}/chat.py:make", names=NAMES).play(PLAY)
    assert len(history.send_start) == 4


def test_a_project_of_several_modules_is_loaded_afresh_and_others_keep_theirs(tmp_path, monkeypatch):
    """Two files side by side, one imported within a function; a test that imported one of them keeps its own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "chat_state.py").write_text("events = []\n")
    (tmp_path / "chat.py").write_text(
        CHAT + "\nimport chat_state\nasync def tell(user, event):\n    from chat_state import events\n"
        "    assert events is chat_state.events\n    events.append(event)\n    for send in sockets.get(user, ()):\n"
        "        await send({'type': 'websocket.send', 'text': json.dumps(event | {'number': len(events)})})\n"
    )
    import chat_state

    before = chat_state
    examination = open_target(f"asgi:{tmp_path}/chat.py:app", names=NAMES)
    for _ in range(2):
        assert examination.fresh is not None
        examination.fresh()
        history = examination.play(PLAY)
        assert '"number": 1}' in history.frames[0].sample
        assert '"number": 4}' in history.frames[-1].sample
    assert sys.modules["chat_state"] is before
    assert before.events == []
    assert "chat" not in sys.modules and str(tmp_path) in sys.path
