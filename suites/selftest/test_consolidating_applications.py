"""Whole applications as OLD and NEW: compared where that is possible, else refused with what to give instead."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CHAT = (Path(__file__).parent / "asgi_apps" / "plain_app.py").read_text()
FIRST_ONLY = """
async def tell(user, event):
    for send in sockets.get(user, [])[:1]:
        await send({"type": "websocket.send", "text": json.dumps(event)})
"""
REACHED = ("open=/ws/{user}", "publish=POST /users/{user}/events")
SIDES = tuple(word for side in ("--old-name", "--new-name") for name in REACHED for word in (side, name))


def crosstalk(*arguments, cwd):
    line = [sys.executable, "-W", "error", "-c", "from crosstalk.cli import main; main()", *arguments]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def applications(tmp_path):
    (tmp_path / "old_chat.py").write_text(CHAT)
    (tmp_path / "new_chat.py").write_text(CHAT)
    (tmp_path / "short_chat.py").write_text(CHAT + FIRST_ONLY)
    return tmp_path


def test_two_that_do_the_same_are_equivalent(applications):
    done = crosstalk("equivalent", "asgi:old_chat:app", "asgi:new_chat:app", *SIDES, "--budget", "1", cwd=applications)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equivalent: no difference found" in done.stdout


def test_a_difference_is_found_and_its_command_shows_it_again(applications):
    done = crosstalk(
        *("equivalent", "asgi:old_chat:app", "asgi:short_chat:app", *SIDES, "--guarantee", "replay=no"),
        *("--budget", "1"),
        cwd=applications,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "delivered to a user with several connections: OLD sent once; NEW not sent" in done.stdout
    command = next(line.partition("replay: ")[2] for line in done.stdout.splitlines() if "replay: " in line)
    _, *words = shlex.split(command)
    assert words[words.index("--guarantee") + 1] == "replay=no"
    again = crosstalk(*words, cwd=applications)
    assert again.returncode == 1 and "they differ" in again.stdout, again.stdout + again.stderr


@pytest.mark.parametrize("command", ["cutover", "compare"])
def test_what_needs_the_broadcaster_itself_says_so(applications, command):
    done = crosstalk(command, "asgi:old_chat:app", "asgi:new_chat:app", *SIDES, cwd=applications)
    assert done.returncode == 2
    assert done.stderr.startswith("crosstalk: asgi:old_chat:app is an ASGI application, and ")
    assert done.stderr.endswith("give the broadcaster inside it, as module:attribute\n")
    assert done.stderr.count("\n") == 1
