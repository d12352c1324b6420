"""Bad input: whatever a broadcaster's code does to the process, the command says so in a sentence and ends in time.

Each case is a module as a user may write it. The limit on the subprocess is a generous one against hanging, no
measurement.
"""

import json
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HUB = """
import asyncio, os, signal, sys, threading, time

class Hub:
    def __init__(self):
        self.sockets = {}
        self.start()

    def start(self):
        pass

    async def connect(self, user_id, websocket):
        await self.before_connect(user_id)
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        await self.before_disconnect(user_id)
        mine = self.sockets[user_id]
        mine.remove(websocket)
        if not mine:
            del self.sockets[user_id]

    async def publish(self, user_id, event):
        await self.before_publish(user_id, event)
        for websocket in list(self.sockets.get(user_id, [])):
            if websocket in self.sockets.get(user_id, []):
                await self.deliver(websocket, event)

    async def deliver(self, websocket, event):
        try:
            await websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            pass

    async def before_connect(self, user_id):
        pass

    async def before_disconnect(self, user_id):
        pass

    async def before_publish(self, user_id, event):
        pass
"""


def publishing(body: str, before: str = "") -> str:
    """The hub, doing `body` at the start of each publish."""
    lines = "\n".join("        " + line for line in body.strip("\n").splitlines())
    return f"{HUB}\n{before}\nclass Bad(Hub):\n    async def before_publish(self, user_id, event):\n{lines}\n"


def overriding(method: str) -> str:
    """The hub with one method (written without indentation) in another form."""
    lines = "\n".join("    " + line for line in method.strip("\n").splitlines())
    return f"{HUB}\nclass Bad(Hub):\n{lines}\n"


def returning(value: str) -> str:
    """The hub, with `value` as what publish returns."""
    return overriding(
        f"async def publish(self, user_id, event):\n    await Hub.publish(self, user_id, event)\n    return {value}"
    )


def check(source: str, where: Path, *options: str, spec: str = "ws.py:Bad") -> subprocess.CompletedProcess[str]:
    (where / "ws.py").write_text(source)
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()"]
    line += ["check", spec, "--budget", "2", *options]
    return subprocess.run(
        line, cwd=where, capture_output=True, text=True, errors="replace", timeout=40, preexec_fn=_with_little_memory
    )


def _with_little_memory() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job of a shell ignores it, and hands that on
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def said(done: subprocess.CompletedProcess[str]) -> str:
    """All that the command said; it holds no traceback."""
    text = done.stdout + done.stderr
    assert "Traceback (most recent call last)" not in text, text[-4000:]
    assert "the harness failed" not in text, text[-4000:]
    assert "Task was destroyed" not in text, text[-4000:]
    return text


CANNOT_BE_MADE = {
    "raises at import": ("raise ValueError('no config')", r"could not be imported: ValueError: no config"),
    "has a syntax error": ("class Bad:\n  def", r"could not be imported: \w*Error"),
    "leaves the process at import": ("import sys\nsys.exit('no licence')", r"could not be imported: SystemExit"),
    "is no broadcaster": ("class Bad: pass", r"no method to connect a user"),
    "is a number": ("Bad = 7", r"no method to connect a user"),
    "raises in its factory": ("def Bad(): raise OSError('no database')", r"OSError: no database"),
    "raises in its async factory": ("async def Bad(): raise OSError('no database')", r"OSError: no database"),
    "leaves the process in its factory": ("import sys\ndef Bad(): sys.exit(3)", r"SystemExit"),
    "needs arguments": (
        "class Bad:\n    def __init__(self, url): pass",
        r"TypeError.*url.*Give a function without parameters",
    ),
    "recurses in its factory": ("def Bad(): return Bad()", r"RecursionError"),
    "makes nothing": ("def Bad(): return None", r"no method to connect a user"),
    "lets nobody in": (
        overriding("async def before_connect(self, user_id): raise KeyError('room')"),
        r"nobody could connect: connect\(user_id=the user's id, .*\) raised KeyError: 'room' \(ws\.py:\d+ in before_co",
    ),
    "returns an async generator from publish": (
        overriding("async def publish(self, user_id, event):\n    yield 1"),
        r"nothing that was published was sent to anybody: crosstalk called connect\(user_id=the user's id",
    ),
}


@pytest.mark.parametrize("case", CANNOT_BE_MADE)
def test_a_target_that_cannot_be_made_is_a_usage_error(case, tmp_path):
    source, words = CANNOT_BE_MADE[case]
    done = check(source, tmp_path)
    text = said(done)
    assert done.returncode == 2, text
    assert re.search(words, done.stderr), text
    assert len(done.stderr.strip().splitlines()) == 1, text


FAILS = {
    "spins on sleep(0)": (publishing("while True: await asyncio.sleep(0)"), r"never quiet"),
    "never returns from connect": (
        overriding("async def before_connect(self, user_id): await asyncio.Event().wait()"),
        r"connect of '.*' never returned",
    ),
    "swallows cancellation and never returns": (
        publishing(
            """
while True:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        continue
"""
        ),
        r"publish of '.*' never returned|never quiet",
    ),
    "closes the loop": (publishing("asyncio.get_running_loop().close()"), r"[Cc]annot close a running event loop"),
    "stops the loop": (publishing("asyncio.get_running_loop().stop()"), r"loop\.stop\(\)"),
    "leaves the process": (publishing("sys.exit(0)"), r"SystemExit"),
    "leaves the process in a task": (
        publishing("asyncio.ensure_future(leave())", "async def leave(): sys.exit(0)"),
        r"SystemExit",
    ),
    "leaves the process in a callback": (
        publishing("asyncio.get_running_loop().call_soon(sys.exit, 0)"),
        r"SystemExit",
    ),
    "recurses": (publishing("fall()", "def fall(): return fall()"), r"RecursionError"),
    "raises a BaseException of its own": (
        publishing("raise Odd('odd')", "class Odd(BaseException): pass"),
        r"raised Odd: odd",
    ),
    "raises GeneratorExit": (publishing("raise GeneratorExit('odd')"), r"GeneratorExit"),
    "raises StopAsyncIteration": (publishing("raise StopAsyncIteration('odd')"), r"StopAsyncIteration|RuntimeError"),
    "raises a group": (publishing("raise ExceptionGroup('many', [ValueError('one')])"), r"ExceptionGroup: many"),
    "runs a loop within the loop": (
        publishing("asyncio.run(nothing())", "async def nothing(): pass"),
        r"asyncio\.run\(\) cannot be called from a running event loop",
    ),
    "runs the loop within the loop": (
        publishing("asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))"),
        r"already running",
    ),
    "has a circular event": (publishing("event['self'] = event"), r"Circular reference"),
}


@pytest.mark.parametrize("case", FAILS)
def test_a_broadcaster_that_misbehaves_fails_with_a_sentence(case, tmp_path):
    source, words = FAILS[case]
    done = check(source, tmp_path)
    text = said(done)
    assert done.returncode == 1, text
    assert re.search(words, done.stdout), text
    assert "verdict: fail for ws.py:Bad" in done.stdout, text
    assert json.loads((tmp_path / "reports" / "verdict.json").read_text())["verdict"] == "fail"


PASSES = {
    "returns -1": returning("-1"),
    "returns a googol": returning("10**100"),
    "returns not a number": returning("float('nan')"),
    "returns an object": returning("object()"),
    "returns what answers every name": returning("type('Any', (), {'__getattr__': lambda self, name: self})()"),
    "changes signal handlers": publishing(
        "for known in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):\n    signal.signal(known, signal.SIG_IGN)"
    ),
    "starts a thread of its own": publishing("threading.Thread(target=time.monotonic).start()"),
    "works in a thread": publishing("await asyncio.to_thread(time.monotonic)"),
    "keeps a worker that swallows cancellation": publishing(
        """
if not hasattr(self, 'worker'):
    self.worker = asyncio.ensure_future(work())
""",
        """
async def work():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
""",
    ),
    "keeps an async generator open": publishing(
        "self.numbers = numbers()\nawait anext(self.numbers)",
        "async def numbers():\n    try:\n        while True: yield 1\n    finally:\n        await asyncio.sleep(0)",
    ),
}


@pytest.mark.parametrize("case", PASSES)
def test_what_is_only_odd_passes(case, tmp_path):
    done = check(PASSES[case], tmp_path)
    text = said(done)
    assert done.returncode == 0, text[-4000:]
    assert "verdict: pass for ws.py:Bad" in done.stdout.splitlines(), text[-4000:]


UNKNOWN = {
    "calls back from a thread of its own": (
        publishing(
            """
loop = asyncio.get_running_loop()
thread = threading.Thread(target=loop.call_soon_threadsafe, args=(int,))
thread.start()
thread.join()
"""
        ),
        r"uses threads of its own",
    ),
    "sends what is not JSON": (
        overriding(
            """
async def deliver(self, websocket, event):
    try:
        await websocket.send_bytes(b"\\xff\\xfe" + repr(event).encode())
    except (RuntimeError, ConnectionError):
        pass
"""
        ),
        r"missed its own sabotage|could not be read",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_judged_is_unknown(case, tmp_path):
    source, words = UNKNOWN[case]
    done = check(source, tmp_path)
    text = said(done)
    assert done.returncode == 3, text[-4000:]
    assert re.search(words, done.stdout), text[-4000:]


def test_megabytes_are_judged_as_far_as_the_budget_goes(tmp_path):
    done = check(publishing("event['padding'] = 'x' * 2_000_000"), tmp_path)
    text = said(done)
    assert done.returncode in (0, 3), text[-4000:]
    assert len(text) < 20_000


def test_ctrl_c_prints_what_is_known_so_far(tmp_path):
    """The broadcaster itself raises the signal, so that it comes at the same moment each time."""
    leak = publishing(
        """
Bad.publishes += 1
if Bad.publishes == 2_000:
    os.kill(os.getpid(), signal.SIGINT)
if user_id not in self.sockets:
    for websocket in [w for mine in self.sockets.values() for w in mine]:
        await self.deliver(websocket, event)
"""
    ).replace("class Bad(Hub):", "class Bad(Hub):\n    publishes = 0\n")
    done = check(leak, tmp_path, "--budget", "60")
    text = said(done)
    assert done.returncode == 1, text
    assert "interrupted" in done.stdout, text
    assert "was sent an event that belongs to" in done.stdout, text
