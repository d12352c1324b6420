"""The suites of a replacement, as a user runs them: they pass, fail with the difference, and stay away unasked."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ZOO = Path(__file__).parents[1] / "zoo"


SWITCH = """
import importlib.util
spec = importlib.util.spec_from_file_location("cuts_the_queue", "{path}")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
class Old:
    def __init__(self, hub):
        self.hub = hub
    async def connect(self, user_id, websocket):
        await self.hub.register(websocket, user_id)
    async def disconnect(self, user_id, websocket):
        await self.hub.unregister(websocket, user_id)
    async def broadcast_to_user(self, user_id, event):
        return await self.hub.send_to_user(user_id, event)
def make(old, new):
    return module.Switch(Old(old), new)
"""


def suite(*arguments, cwd):
    line = [sys.executable, "-m", "pytest", "--pyargs", *map(str, arguments), "-q", "-p", "no:cacheprovider"]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_a_replacement_that_nobody_notices(tmp_path):
    old, new = (f"{ZOO / 'correct' / name}.py:create" for name in ("user_lock", "dict_of_sets"))
    names = ("--broadcaster", new, "--crosstalk-against", old, "--crosstalk-budget", "6")
    done = suite("crosstalk.suites.consolidation", *names, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_replacement_that_differs_and_a_move_that_loses(tmp_path):
    pair = ZOO / "pairs" / "queues_without_a_copy.py"
    names = ("--broadcaster", f"{pair}:create_old", "--crosstalk-against", f"{pair}:create_new")
    switch = f"{ZOO / 'migrations' / 'cuts_the_queue.py'}:Switch"
    (tmp_path / "switch.py").write_text(SWITCH.format(path=switch.rpartition(":")[0]))
    again = ("--crosstalk-switch", "switch.py:make", "--crosstalk-budget", "5")
    done = suite("crosstalk.suites.consolidation", *names, *again, "--alluredir=results", cwd=tmp_path)
    assert done.returncode == 1
    drawn = [path.read_text() for path in (tmp_path / "results").glob("*-attachment.svg")]
    assert all(ET.fromstring(text).get("class") == "ctp" for text in drawn)
    assert sum("OLD: altered: type, payload" in text and "NEW: as it was published" in text for text in drawn) == 1
    assert any("⇄ Switch to NEW" in text for text in drawn)
    assert "2 failed" in done.stdout
    assert "content of an event: OLD altered: type, payload; NEW as it was published" in done.stdout
    assert re.search(r"delivery: '\w+' never received an event", done.stdout)
    assert "replay: crosstalk cutover " in done.stdout and "replay: crosstalk equivalent " in done.stdout


def test_without_an_old_one_they_are_not_run(tmp_path):
    alone = suite("crosstalk.suites.consolidation", cwd=tmp_path)
    assert "2 skipped" in alone.stdout
    beside = suite("crosstalk.suites", "--collect-only", cwd=tmp_path)
    assert "test_replacement" not in beside.stdout and "test_isolation" in beside.stdout


def test_an_old_one_that_is_not_there(tmp_path):
    done = suite("crosstalk.suites.consolidation", "--crosstalk-against", "nowhere:Hub", cwd=tmp_path)
    assert done.returncode == 1
    assert "crosstalk: nowhere could not be imported" in done.stdout and "Traceback" not in done.stdout
