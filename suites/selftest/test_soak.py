"""The soak: what grows is found, measured and named; what is kept for a time, or up to a size, is not accused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crosstalk.consolidation.growth import slope, soak
from crosstalk.examination import open_target

pytestmark = pytest.mark.usefixtures("heap_set_aside")

ZOO = Path(__file__).parents[1] / "zoo"
HUB = """
import collections
class Hub:
    def __init__(self):
        self.links = {{}}
        self.kept = {container}
    async def connect(self, user_id, websocket):
        self.links.setdefault(user_id, []).append(websocket)
    async def disconnect(self, user_id, websocket):
        self.links[user_id].remove(websocket)
        if not self.links[user_id]:
            del self.links[user_id]
        {leaving}
    async def publish(self, user_id, event):
        {publishing}
        for websocket in list(self.links.get(user_id, ())):
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
"""


def hub(tmp_path, container="[]", leaving="pass", publishing="pass"):
    path = tmp_path / "ws.py"
    path.write_text(HUB.format(container=container, leaving=leaving, publishing=publishing))
    return open_target(f"{path}:Hub")


def grown(result):
    return {growth.unit: growth for growth in result.growths if growth.grows}


def test_three_hundred_bytes_a_departed_user(tmp_path):
    result = soak(hub(tmp_path, leaving="self.kept.append(bytes(267))"), users=640)
    assert result.verdict == "fail"
    found = grown(result)
    assert found.keys() == {"departed user", "vanished user"}
    growth = found["departed user"]
    assert growth.bytes.low <= 308 <= growth.bytes.high  # 300 of the bytes, 8 of the list's place
    assert growth.bytes.low > 250
    # of 640 users, and of the one who comes by before each of the 16 censuses
    assert growth.containers == ("Hub.kept: a list of 656 (bytes)",)
    assert growth.sites[0].startswith("ws.py:13 (3")


def test_three_hundred_bytes_an_event(tmp_path):
    found = grown(soak(hub(tmp_path, publishing="self.kept.append(bytes(267))"), users=640))
    assert 250 < found["event"].bytes.value < 350
    assert found["event"].containers[0].startswith("Hub.kept: a list of ")


@pytest.mark.parametrize(
    ("container", "leaving"),
    [
        ("collections.deque(maxlen=200)", "self.kept.append(bytes(267))"),
        ("{}", "self.kept[hash(user_id) % 100] = bytes(267)"),
        ("collections.Counter()", "self.kept['gone'] += 1"),
    ],
    ids=["cache", "slots", "counter"],
)
def test_what_fills_up_is_not_accused(tmp_path, container, leaving):
    result = soak(hub(tmp_path, container, leaving), users=640)
    assert result.verdict == "pass"
    assert not grown(result)


@pytest.mark.parametrize(
    ("member", "unit", "container"),
    [
        ("user_locks_kept", "departed user", "OrderedHub.turns: a defaultdict of"),
        ("event_journal", "event", "JournalledHub.journal: a list of"),
        ("orphan_writers", "vanished user", "ClientDirectory.writers: a set of"),
    ],
)
def test_the_culprit_is_named(member, unit, container):
    found = grown(soak(open_target(f"{ZOO / 'defective' / member}.py:create"), users=640))
    assert found[unit].containers[0].startswith(container)
    assert len(found[unit].containers) == 1
    assert f"{member}.py:" in found[unit].sites[0]
    if member == "orphan_writers":
        assert found[unit].tasks.value == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("member", ["replays_history", "seq_log", "writer_queue"])
def test_correct_broadcasters_stay_level(member):
    assert soak(open_target(f"{ZOO / 'correct' / member}.py:create"), users=320).verdict == "pass"


def test_slopes():
    exact = slope(range(8), [3 * u + 1 for u in range(8)])
    assert exact.low == pytest.approx(3) and exact.high == pytest.approx(3)
    noisy = slope(range(8), [3 * u + (-1) ** u for u in range(8)])
    assert noisy.low < 3 < noisy.high
    assert slope(range(8), [(-1) ** u for u in range(8)]).low < 0


def test_the_command(tmp_path):
    hub(tmp_path, leaving="self.kept.append(user_id)")
    code = "from crosstalk.cli import main; main()"
    line = [sys.executable, "-c", code, "soak", "ws.py:Hub", "--users", "320"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "in Hub.kept: a list of 336 (str)" in done.stdout
    assert json.loads((tmp_path / "reports" / "soak.json").read_text())["verdict"] == "fail"
    line = [sys.executable, "-c", code, "soak", "nowhere:Hub"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stderr.startswith("crosstalk: nowhere could not be imported")
