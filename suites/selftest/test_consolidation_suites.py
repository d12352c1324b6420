"""The suites of a replacement, as a user runs them: they pass, fail with the difference, and stay away unasked."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from crosstalk.settings import SettingError, read

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


QUICK = """
from functools import partial
import crosstalk.consolidation.comparison as comparison
import crosstalk.consolidation.soak as soak
from crosstalk.consolidation.workload import Figures
soak.curves = partial(soak.curves, users=64, devices=8)
growths = soak.growths
soak.growths = lambda examination, users, begins: growths(examination, 320, begins)
def measured(side, users, events):
    old = "user_lock" in side.target
    return [Figures(users[0], 1e-6, 1e-5 if old else 7e-6, 2e-5, 1e5, 1e-6, 1e3 if old else 9e2, 2e3, 0, 1, 9, 0)]
comparison.measured = measured
"""
"""A plugin: a short soak, and figures of which NEW's deliveries are 30 % faster and its connections 10 % leaner."""


def suite(*arguments, cwd):
    (cwd / "quick.py").write_text(QUICK)
    line = [sys.executable, "-m", "pytest", "--pyargs", *map(str, arguments), "-q", "-p", "no:cacheprovider"]
    line += ["-p", "quick", "--crosstalk-reports", str(cwd / "left")]
    environment = os.environ | {"PYTHONPATH": str(cwd)}
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120, env=environment)


def test_a_replacement_that_nobody_notices(tmp_path):
    """Its methods are named otherwise than those of the old one."""
    text = (ZOO / "correct" / "user_lock.py").read_text()
    (tmp_path / "user_lock.py").write_text(text.replace("def connect(", "def come(").replace("def broad", "def xbroad"))
    old, new = f"{tmp_path / 'user_lock.py'}:create", f"{ZOO / 'correct' / 'dict_of_sets'}.py:create"
    names = ("--broadcaster", new, "--crosstalk-against", old, "--crosstalk-budget", "6", "-n", "2")
    for name in ("connect=come", "publish=xbroadcast_to_user"):
        names = (*names, "--crosstalk-against-name", name)
    names = (*names, "--crosstalk-faster", "20%")
    done = suite("crosstalk.suites.consolidation", *names, "--alluredir", tmp_path / "allure", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
    left = {path.name for path in (tmp_path / "left").iterdir()}
    assert left == {"equivalent.json", "cutover.json", "compare.json", "soak.json", "index.html"}
    page = (tmp_path / "left" / "index.html").read_text()
    assert "an event arrives after: 20% less is met" in page and "What would be noticed" in page
    assert "Moving users" in page and "Many users who come and go" in page
    told = [json.loads(path.read_text()) for path in (tmp_path / "allure").glob("*-result.json")]
    attached = {attachment["name"] for test in told for attachment in test.get("attachments", ())}
    assert {"equivalent: report", "cutover.json", "soak: report", "soak.json"} <= attached


def test_a_replacement_that_differs_and_a_move_that_loses(tmp_path):
    pair = ZOO / "pairs" / "queues_without_a_copy.py"
    names = ("--broadcaster", f"{pair}:create_old", "--crosstalk-against", f"{pair}:create_new")
    switch = f"{ZOO / 'migrations' / 'cuts_the_queue.py'}:Switch"
    (tmp_path / "switch.py").write_text(SWITCH.format(path=switch.rpartition(":")[0]))
    again = ("--crosstalk-switch", "switch.py:make", "--crosstalk-budget", "5", "--crosstalk-leaner", "30%")
    done = suite("crosstalk.suites.consolidation", *names, *again, "--alluredir=results", cwd=tmp_path)
    assert done.returncode == 1
    drawn = [path.read_text() for path in (tmp_path / "results").glob("*-attachment.svg")]
    assert all(ET.fromstring(text).get("class") == "ctp" for text in drawn)
    assert sum("OLD: altered: type, payload" in text and "NEW: as it was published" in text for text in drawn) == 1
    assert any("⇄ Switch to NEW" in text for text in drawn)
    assert "3 failed, 1 passed" in done.stdout
    assert "memory kept for a connection: 30% less is not met" in done.stdout
    assert "content of an event: OLD altered: type, payload; NEW as it was published" in done.stdout
    assert re.search(r"delivery: '\w+' never received an event", done.stdout)
    assert "replay: crosstalk cutover " in done.stdout and "replay: crosstalk equivalent " in done.stdout


def test_without_an_old_one_they_are_not_run(tmp_path):
    alone = suite("crosstalk.suites.consolidation", cwd=tmp_path)
    assert "4 skipped" in alone.stdout
    beside = suite("crosstalk.suites", "--collect-only", cwd=tmp_path)
    assert "test_replacement" not in beside.stdout and "test_isolation" in beside.stdout


def test_an_old_one_that_is_not_there(tmp_path):
    done = suite("crosstalk.suites.consolidation", "--crosstalk-against", "nowhere:Hub", cwd=tmp_path)
    assert done.returncode == 1
    assert "crosstalk: nowhere could not be imported" in done.stdout and "Traceback" not in done.stdout


def test_an_old_one_that_is_named_as_nothing_is(tmp_path):
    old = (
        "--crosstalk-against",
        f"{ZOO / 'correct' / 'user_lock.py'}:create",
        "--crosstalk-against-name",
        "send=emit",
    )
    done = suite("crosstalk.suites.consolidation", *old, cwd=tmp_path)
    assert "crosstalk: --crosstalk-against-name 'send=emit': give connect=NAME" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("value", ["lots", "-1%", "100"])
def test_a_goal_that_is_no_percentage(value):
    with pytest.raises(SettingError, match=rf"CROSSTALK_LEANER is '{value}': give a percentage from 0 to 99"):
        read(lambda _: None, {"CROSSTALK_LEANER": value}.get, lambda _: None)
