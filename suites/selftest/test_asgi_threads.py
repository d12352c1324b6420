"""Work that applications give to threads runs inline: nothing starts a thread, and asking back for the loop works."""

import threading
from pathlib import Path

import pytest

from crosstalk.examination import examine, open_target
from crosstalk.scenarios.program import Connect, Program, Publish
from crosstalk.schedule.loop import VirtualLoop

CHAT = (Path(__file__).parent / "asgi_apps" / "plain_app.py").read_text()
NAMES = {"open": "/ws/{user}", "publish": "POST /users/{user}/events"}
TAKE = """
import threading
WHERE = threading.get_ident()

async def take(user, body, receive):
    LOOP = asyncio.get_running_loop()
    event = json.loads(body)
    BODY
    return 204
"""
WAYS = {
    "to_thread": "await asyncio.to_thread(work); await tell(user, event)",
    "run_in_executor": "await LOOP.run_in_executor(None, work); await tell(user, event)",
    "anyio": "import anyio.to_thread; await anyio.to_thread.run_sync(work); await tell(user, event)",
    "starlette": "from starlette.concurrency import run_in_threadpool; await run_in_threadpool(work); "
    "await tell(user, event)",
    "asgiref": "from asgiref.sync import sync_to_async; await sync_to_async(work)(); await tell(user, event)",
    # the work itself sends, and waits for the loop to have done so
    "async_to_sync": "from asgiref.sync import async_to_sync, sync_to_async; "
    "await sync_to_async(lambda: async_to_sync(tell)(user, event))()",
    "threadsafe": "await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(tell(user, event), LOOP).result())",
    "from_thread": "import anyio.from_thread, anyio.to_thread; "
    "await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(tell, user, event))",
    "from_thread sync": "import anyio.from_thread, anyio.to_thread; "
    "await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(work)); await tell(user, event)",
    "asgiref context": "from asgiref.sync import ThreadSensitiveContext, sync_to_async\n"
    "    async with ThreadSensitiveContext(): await sync_to_async(work)()\n    await tell(user, event)",
    "nested": "from asgiref.sync import async_to_sync, sync_to_async; "
    "inner = sync_to_async(lambda: async_to_sync(tell)(user, event)); "
    "await sync_to_async(lambda: async_to_sync(inner)())()",
}
WORK = "def work():\n    assert threading.get_ident() == WHERE\n"


def opened(tmp_path, body, more=""):
    (tmp_path / "chat.py").write_text(CHAT + TAKE.replace("BODY", body) + WORK + more)
    return open_target(f"asgi:{tmp_path}/chat.py:app", names=NAMES)


@pytest.mark.parametrize("way", WAYS)
def test_work_for_threads_runs_inline(tmp_path, way, monkeypatch):
    calls = VirtualLoop.from_threads
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    verdict = examine(opened(tmp_path, WAYS[way]), seed=2, schedules=60, seconds=60, checks=("delivery", "crash"))
    assert verdict.verdict == "pass", [(c.name, c.reason, c.violations) for c in verdict.checks]
    assert VirtualLoop.from_threads == calls


@pytest.mark.parametrize("way", ["async_to_sync", "threadsafe", "from_thread"])
def test_an_error_comes_back_to_the_work_and_from_it_to_its_caller(tmp_path, way):
    raises = "\nasync def tell(user, event): raise KeyError('tenant')\n"
    body = (
        f"try: {WAYS[way].partition('; ')[2] or WAYS[way]}\n    except KeyError as error: await told(user, str(error))"
    )
    imports = WAYS[way].partition("; ")[0] if "; " in WAYS[way] else "pass"
    told = "\nasync def told(user, text):\n    for send in sockets.get(user, ()):\n" + (
        "        await send({'type': 'websocket.send', 'text': text + json.dumps(CANARIES)})\n"
    )
    more = raises + told + "CANARIES = []\n"
    body = f"CANARIES.append(event['payload']['canary'])\n    {imports}\n    {body}"
    program = Program(("alice", "bob"), (0, 1), ((Connect(0), Connect(1), Publish(0)),))
    history = opened(tmp_path, body, more).play(program)
    assert any("'tenant'" in frame.sample for frame in history.frames)


def test_work_sees_no_running_loop_and_the_context_of_its_caller(tmp_path):
    body = """
    seen.set(user)
    def look():
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return seen.get()
    await tell(await asyncio.to_thread(look), event)
"""
    examination = opened(tmp_path, body, "import contextvars\nseen = contextvars.ContextVar('seen')\n")
    verdict = examine(examination, seed=2, schedules=40, seconds=60, checks=("delivery", "isolation"))
    assert verdict.verdict == "pass"


def test_an_executor_of_one_thread_does_one_thing_after_another(tmp_path):
    """What it works on is never seen half done: the second piece of work waits while the first asks for the loop."""
    body = "await LOOP.run_in_executor(ONE, lambda: asyncio.run_coroutine_threadsafe(turn(user, event), LOOP).result())"
    more = """
import concurrent.futures
ONE = concurrent.futures.ThreadPoolExecutor(1)
at_work = []

async def turn(user, event):
    assert not at_work
    at_work.append(user)
    await asyncio.sleep(1)
    await tell(user, event)
    at_work.remove(user)
"""
    verdict = examine(opened(tmp_path, body, more), seed=2, schedules=60, seconds=60, checks=("crash",))
    assert verdict.verdict == "pass"
    several = examine(
        opened(tmp_path, body.replace("ONE", "None"), more), seed=2, schedules=60, seconds=60, checks=("crash",)
    )
    assert several.verdict == "fail"


def test_threads_of_the_applications_own_make_a_pass_unknown(tmp_path):
    body = """
    done = asyncio.Event()
    thread = threading.Thread(target=lambda: LOOP.call_soon_threadsafe(done.set))
    thread.start()
    thread.join()
    await done.wait()
    await tell(user, event)
"""
    verdict = examine(opened(tmp_path, body), seed=2, schedules=20, seconds=60, checks=("isolation",))
    (check,) = verdict.checks
    assert (check.verdict, "threads of its own" in check.reason) == ("unknown", True)
