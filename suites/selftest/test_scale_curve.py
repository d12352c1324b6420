"""What a delivery and a connection cost with many users: what is looked up stays level, what is searched for grows."""

import ast
import re
import sys
from pathlib import Path

import pytest

from crosstalk.consolidation.fit import exponent
from crosstalk.consolidation.scale import curves, slower
from crosstalk.examination import open_target
from crosstalk.model.soak import Curve

ZOO = Path(__file__).parents[1] / "zoo" / "correct"
HUB = """
import asyncio
class Hub:
    def __init__(self):
        self.links = {{}}
        self.sweeps = None
    async def connect(self, user_id, websocket):
        self.links.setdefault(user_id, []).append(websocket)
        {connecting}
    async def disconnect(self, user_id, websocket):
        self.links[user_id].remove(websocket)
        if not self.links[user_id]:
            del self.links[user_id]
        {leaving}
    async def publish(self, user_id, event):
        for websocket in {recipients}:
            await self.send(websocket, event)
    async def send(self, websocket, event):
        try:
            await websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            pass
    async def sweep(self):
        while self.links:
            await asyncio.sleep(20)
            for websockets in list(self.links.values()):
                for websocket in websockets:
                    await self.send(websocket, {{"type": "ping"}})
"""
LOOK_UP = "list(self.links.get(user_id, ()))"
SCAN = "[w for user, all in list(self.links.items()) for w in all if user == user_id]"


def hub(tmp_path, recipients=LOOK_UP, connecting="pass", leaving="pass"):
    path = tmp_path / "ws.py"
    path.write_text(HUB.format(recipients=recipients, connecting=connecting, leaving=leaving))
    return open_target(f"{path}:Hub")


def drawn(examination, users=160):
    found, notes = curves(examination, users=users, devices=16)
    return {(curve.unit, curve.of): curve for curve in found}, notes


def superlinear(found):
    return {key for key, curve in found.items() if curve.superlinear}


def test_a_look_up_is_level(tmp_path):
    found, notes = drawn(hub(tmp_path))
    assert not notes
    assert found.keys() == {(unit, of) for unit in ("delivery", "connection") for of in ("users", "devices")}
    assert not superlinear(found)
    delivery = found["delivery", "users"]
    assert delivery.counts[0] == 20 and delivery.counts[-1] == 160
    assert -0.1 < delivery.exponent.value < 0.01  # what happens once for all weighs less with many
    assert 5 <= delivery.lines[-1] <= delivery.lines[0] < 20  # publish and send have five, asyncio some
    assert all(second > 0 for second in delivery.seconds)


def test_a_search_through_everybody_is_found_and_its_line_named(tmp_path):
    found, _ = drawn(hub(tmp_path, SCAN))
    assert superlinear(found) == {("delivery", "users")}
    delivery = found["delivery", "users"]
    assert 0.5 < delivery.exponent.low < delivery.exponent.value < 1.1
    assert delivery.lines[-1] - delivery.lines[0] >= 140  # a turn for each of 140 more users
    line = next(number for number, text in enumerate(HUB.splitlines(), 1) if "{recipients}" in text)
    assert delivery.sites[0].startswith(f"ws.py:{line} in Hub.publish")


def test_a_search_when_somebody_comes_or_leaves_is_found(tmp_path):
    coming = "self.size = sum(len(all) for all in self.links.values())"
    found, _ = drawn(hub(tmp_path, connecting=coming), 400)
    assert superlinear(found) == {("connection", "users")}
    assert "Hub.connect" in found["connection", "users"].sites[0]
    found, _ = drawn(hub(tmp_path, leaving=coming), 400)
    assert superlinear(found) == {("connection", "users")}
    assert "Hub.disconnect" in found["connection", "users"].sites[0]


def test_what_each_user_is_owed_anyway_is_no_finding(tmp_path):
    """Everybody is told who has come; everybody is sent a heartbeat, by one task for all."""
    greeting = 'for w in [w for all in self.links.values() for w in all]: await self.send(w, {"type": "joined"})'
    found, notes = drawn(hub(tmp_path, connecting=greeting), 64)
    assert not notes and not superlinear(found)
    sweeping = "self.sweeps = self.sweeps or asyncio.create_task(self.sweep())"
    found, notes = drawn(hub(tmp_path, connecting=sweeping), 64)
    assert not notes and not superlinear(found)


@pytest.mark.parametrize("name", ["condition_log", "worker_pool", "acknowledged_window", "frozen_registry"])
def test_members_of_the_zoo_do_what_they_say(name):
    path = ZOO / f"{name}.py"
    searches = re.search(r"^SEARCHES = (.*)$", path.read_text(), re.M)
    found, _ = drawn(open_target(f"{path}:create"), 240)
    wanted = {(unit, "users") for unit in ast.literal_eval(searches[1])} if searches else set()
    assert {(unit, of) for unit, of in superlinear(found) if of == "users"} == wanted


def test_what_cannot_be_drawn_is_said(tmp_path):
    full = "if sum(map(len, self.links.values())) > 40: raise RuntimeError('full')"
    found, notes = drawn(hub(tmp_path, connecting=full))
    assert notes[0] == "no curve over users: of 49 connections 40 could be made"
    assert ("delivery", "users") not in found
    newest = "self.links[user_id] = [websocket]"
    leaving = hub(tmp_path, connecting=newest)
    _, notes = drawn(leaving)
    assert any(note.startswith("no curve over devices: ") for note in notes)


def test_a_broadcaster_that_lets_in_no_more_is_measured_with_those(tmp_path):
    full = "if sum(map(len, self.links.values())) > 100: raise RuntimeError('full')"
    found, notes = drawn(hub(tmp_path, SCAN, connecting=full))
    assert not notes
    assert found["delivery", "users"].counts == (12, 17, 23, 30, 41, 55, 74, 100)
    assert ("delivery", "users") in superlinear(found)


def test_time_that_grows_alone_is_noted():
    counts = (128, 172, 232, 312, 420, 565, 761, 1_024)
    level = exponent(counts, [50.0] * 8)

    def curve(seconds, superlinear=False):
        return Curve("delivery", "users", counts, (50.0,) * 8, tuple(seconds), level, superlinear)

    rising = [count * 1e-7 for count in counts]
    assert slower(curve(rising)).startswith("a delivery takes longer the more users there are (13 us with 128, 102 us")
    assert slower(curve(rising, superlinear=True)) == ""  # it is said already
    assert slower(curve([3e-5] * 8)) == ""
    assert slower(curve([3e-5, 3e-5, 3e-5, 3e-5, 3e-5, 3e-5, 3e-5, 1e-3])) == ""  # the machine was busy once
    assert slower(curve([0.0] * 8)) == ""


def test_who_traces_already_goes_on_tracing(tmp_path):
    def tracing(frame, event, argument):
        return None

    examination = hub(tmp_path)
    before = sys.gettrace()
    sys.settrace(tracing)
    try:
        curves(examination, users=16, devices=8)
        assert sys.gettrace() is tracing
    finally:
        sys.settrace(before)


@pytest.mark.parametrize(("power", "scale"), [(0.0, 7.0), (0.5, 2.0), (1.0, 3.0), (2.0, 0.1)])
def test_exponents(power, scale):
    units = range(1, 9)
    fitted = exponent(units, [scale * unit**power for unit in units])
    assert fitted.low == pytest.approx(power) and fitted.high == pytest.approx(power)
    noisy = exponent(units, [scale * unit**power * (1.2 if unit % 2 else 0.9) for unit in units])
    assert noisy.low < power < noisy.high
