"""What an application keeps between runs: nobody is accused of what an earlier run left, and what is kept is found."""

import sys
from pathlib import Path

import pytest

from crosstalk.examination import examine, open_target

CHAT = (Path(__file__).parent / "asgi_apps" / "plain_app.py").read_text()
NAMES = {"open": "/ws/{user}", "publish": "POST /users/{user}/events"}
JOURNAL = """
journal = {}
telling, registering = tell, register

async def tell(user, event):
    journal.setdefault(KEY(user), []).append(event)
    await telling(user, event)

async def register(user, send):
    await registering(user, send)
    for event in list(journal.get(KEY(user), ())):
        with suppress(OSError):
            await send({"type": "websocket.send", "text": json.dumps(event)})
"""
ONCE = """
started = False

async def starting(state, send):
    global started
    assert not started, "started twice"
    started = True
    await send({"type": "lifespan.startup.complete"})
"""
REGISTERED = """
import sys
assert not hasattr(sys, "crosstalk_selftest_registered"), "registered twice"
sys.crosstalk_selftest_registered = True
"""


@pytest.fixture
def examined(tmp_path):
    def examined_(own, *checks, schedules=60, seconds=30):
        (tmp_path / "chat.py").write_text(CHAT + own)
        examination = open_target(f"asgi:{tmp_path}/chat.py:app", names=NAMES)
        return examine(examination, seed=4, schedules=schedules, seconds=seconds, checks=checks)

    return examined_


def outcomes(verdict):
    return {check.name: check.verdict for check in verdict.checks}


def test_a_journal_of_earlier_runs_is_no_leak_and_one_that_mixes_users_is(examined):
    verdict = examined(JOURNAL + "KEY = str\n", "isolation", "delivery")
    assert outcomes(verdict) == {"isolation": "pass", "delivery": "pass"}
    assert any("state outlives the factory" in note for note in verdict.notes)
    mixed = examined(JOURNAL + "KEY = str.__len__\n", "isolation")  # as long as each other: one journal
    assert outcomes(mixed) == {"isolation": "fail"}
    assert {violation.cause for violation in mixed.checks[0].violations} == {"leak"}


def test_an_application_that_starts_only_once_is_loaded_for_each_run(examined):
    assert outcomes(examined(ONCE, "isolation", "crash", "delivery")) == dict.fromkeys(
        ("isolation", "crash", "delivery"), "pass"
    )


def test_an_application_that_loads_only_once_is_said_to_share_its_modules(examined, monkeypatch):
    monkeypatch.setattr(sys, "crosstalk_selftest_registered", None, raising=False)
    monkeypatch.delattr(sys, "crosstalk_selftest_registered")
    crash = "\nasync def leave(user, send):\n    await asyncio.Event().wait()\n"  # no run ends in good order
    verdict = examined(REGISTERED + crash, "isolation", schedules=5)
    del sys.crosstalk_selftest_registered
    assert any("can't be loaded twice in a process, so runs share its modules" in note for note in verdict.notes)


def test_memory_that_grows_with_departed_users_is_found_in_variables_of_the_project(examined):
    kept = (
        "\neverybody = []\nregistering = register\nasync def register(user, send):\n    everybody.append([user])\n"
        + ("    await registering(user, send)\n")
    )
    verdict = examined(kept, "cleanup", schedules=5, seconds=4)
    assert outcomes(verdict) == {"cleanup": "fail"}
    assert any(violation.cause.startswith("growth") for violation in verdict.checks[0].violations)
    assert outcomes(examined("", "cleanup", schedules=5)) == {"cleanup": "pass"}
