"""The soak: what grows is found, measured and named; what is kept for a time, or up to a size, is not accused."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from crosstalk.cli import cli
from crosstalk.consolidation.fit import slope
from crosstalk.consolidation.growth import growths
from crosstalk.consolidation.scale import curves
from crosstalk.consolidation.soak import STAGES
from crosstalk.examination import open_target

pytestmark = pytest.mark.usefixtures("heap_set_aside")

ZOO = Path(__file__).parents[1] / "zoo"
HUB = (ZOO / "growing_hub.txt").read_text()


def hub(tmp_path, container="[]", leaving="pass", publishing="pass"):
    path = tmp_path / "ws.py"
    path.write_text(HUB.format(container=container, leaving=leaving, publishing=publishing))
    return open_target(f"{path}:Hub")


def grown(examination, users=640):
    found, notes = growths(examination, users)
    assert not notes and len(found) == 3
    return {growth.unit: growth for growth in found if growth.grows}


def test_three_hundred_bytes_a_departed_user(tmp_path):
    found = grown(hub(tmp_path, leaving="self.kept.append(bytes(267))"))
    assert found.keys() == {"departed user", "vanished user"}
    growth = found["departed user"]
    assert growth.bytes.low <= 308 <= growth.bytes.high  # 300 of the bytes, 8 of the list's place
    assert growth.bytes.low > 250
    # of 640 users, and of the one who comes by before each of the 16 censuses
    assert growth.containers == ("Hub.kept: a list of 656 (bytes)",)
    assert growth.sites[0].startswith("ws.py:12 (3")


def test_three_hundred_bytes_an_event(tmp_path):
    found = grown(hub(tmp_path, publishing="self.kept.append(bytes(267))"))
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
    assert not grown(hub(tmp_path, container, leaving))


@pytest.mark.parametrize(
    ("container", "leaving", "each"),
    [
        ("[]", "self.kept.append(lambda: websocket)", 1.0),
        ("collections.deque(maxlen=200)", "self.kept.append(lambda: websocket)", 0.0),
        ("__import__('contextvars').ContextVar('latest')", "self.kept.set(websocket)", 0.0),
    ],
    ids=["kept", "cache", "context"],
)
def test_connections_of_departed_users(tmp_path, container, leaving, each):
    """Kept in a closure, which no container names; in a cache; in the context of the call, which ends with it."""
    examination = hub(tmp_path, container, leaving)
    found, _ = growths(examination, 640)
    assert [growth.connections.value for growth in found] == pytest.approx([each, each, 0.0], abs=0.05)
    assert [growth.grows for growth in found] == [each > 0, each > 0, False]


@pytest.mark.parametrize(
    ("member", "unit", "container"),
    [
        ("user_locks_kept", "departed user", "OrderedHub.turns: a defaultdict of"),
        ("event_journal", "event", "JournalledHub.journal: a list of"),
        ("orphan_writers", "vanished user", "ClientDirectory.writers: a set of"),
    ],
)
def test_the_culprit_is_named(member, unit, container):
    found = grown(open_target(f"{ZOO / 'defective' / member}.py:create"))
    assert found[unit].containers[0].startswith(container)
    assert len(found[unit].containers) == 1
    assert f"{member}.py:" in found[unit].sites[0]
    if member == "orphan_writers":
        assert found[unit].tasks.value == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("member", ["replays_history", "seq_log", "writer_queue"])
def test_correct_broadcasters_stay_level(member):
    assert not grown(open_target(f"{ZOO / 'correct' / member}.py:create"), 320)


def test_slopes():
    exact = slope(range(8), [3 * u + 1 for u in range(8)])
    assert exact.low == pytest.approx(3) and exact.high == pytest.approx(3)
    noisy = slope(range(8), [3 * u + (-1) ** u for u in range(8)])
    assert noisy.low < 3 < noisy.high
    assert slope(range(8), [(-1) ** u for u in range(8)]).low < 0


@pytest.fixture
def in_tmp_path(tmp_path, monkeypatch):
    """Commands run there, with short curves and few users."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("crosstalk.consolidation.soak.curves", partial(curves, users=160, devices=16))
    monkeypatch.setattr("crosstalk.commands.check.USERS", 320)


def test_a_task_that_fails_with_its_connection_keeps_nothing(tmp_path):
    """Nobody awaits it; what asyncio tells of its failure holds the frame, and so the connection, in a run only."""
    sending = "__import__('asyncio').ensure_future(self.links[user_id][0].send_json(event))"
    assert not grown(hub(tmp_path, publishing=sending), 320)


def test_the_command(tmp_path, in_tmp_path):
    hub(tmp_path, leaving="self.kept.append(user_id)")
    done = CliRunner().invoke(cli, ["soak", "ws.py:Hub", "--users", "320", "--name", "registry=links"])
    assert done.exit_code == 1, done.output
    assert "in Hub.kept: a list of 336 (str)" in done.output
    assert re.search(
        r"level  a delivery with 20 users \d+ lines .*, with 160 \d+ lines .*: exponent -?0\.0", done.output
    )
    assert "whole  pool of 540 connections, 240 ended and 300 open; links: 300 connections" in done.output
    left = json.loads((tmp_path / "reports" / "soak.json").read_text())
    assert left["verdict"] == "fail" and left["pool"]["open"] == 300
    page = (tmp_path / "reports" / "index.html").read_text()
    assert "Many users who come and go: ws.py:Hub" in page and "Hub.kept: a list of 336 (str)" in page


def test_progress_is_told(tmp_path, in_tmp_path, monkeypatch):
    hub(tmp_path)
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr("crosstalk.reporting.progress.EVERY", 0.0)
    told = CliRunner().invoke(cli, ["soak", "ws.py:Hub", "--users", "320"]).stderr.splitlines()
    assert told[0] == "crosstalk: the pool of connections"
    assert told[1:4] == [
        f"crosstalk: what stays behind for each {unit}" for unit in ("departed user", "vanished user", "event")
    ]
    assert len(told) == STAGES and told[-1] == "crosstalk: what 16 devices cost"


def test_growth_that_is_meant_and_scale_that_was_not_promised_are_flagged(tmp_path, in_tmp_path):
    searching = "any(user == user_id for user in list(self.links))"
    hub(tmp_path, leaving="self.kept.append(user_id)", publishing=searching)
    done = CliRunner().invoke(cli, ["soak", "ws.py:Hub", "--users", "320", "--guarantee", "growth=no"])
    assert done.exit_code == 0, done.output
    assert "grows  a delivery with 20 users" in done.output and "at ws.py:14 in Hub.publish" in done.output
    (verdict,) = re.findall(r"^verdict: pass for ws.py:Hub in [\d.]+ s; flagged, (.*)$", done.output, re.M)
    assert verdict == "and a failure with the guarantee growth=yes, scale=yes"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere:Hub",), "nowhere could not be imported"),
        (
            ("ws.py:Hub", "--name", "pool=links"),
            "--name 'pool=links': give connect=NAME, disconnect=NAME, registry=NAME",
        ),
        (("ws.py:Hub", "--users", "320", "--name", "registry=publish"), "publish() raised TypeError"),
        (("ws.py:Hub", "--guarantee", "size=no"), "'size=no' is no guarantee"),
    ],
)
def test_mistakes(tmp_path, in_tmp_path, arguments, words):
    hub(tmp_path)
    done = CliRunner().invoke(cli, ["soak", *arguments])
    assert done.exit_code == 2 and words in done.output and done.output.startswith("crosstalk: ")


def test_a_check_goes_on_to_a_soak(tmp_path, in_tmp_path):
    """A correct broadcaster that goes through everybody for each event: only the soak has enough users to tell."""
    member = f"{ZOO / 'correct' / 'acknowledged_window'}.py:create"
    promised = ["--guarantee", "scale=yes"]
    done = CliRunner().invoke(cli, ["check", member, "--budget", "0.5", "--quiet", "--soak", *promised])
    assert done.exit_code == 1, done.output
    checked, soaked = re.findall(r"^verdict: (\w+) ?.* for .*acknowledged_window", done.output, re.M)
    assert checked != "fail" and soaked == "fail"  # in so little time it may be unknown
    assert re.search(r"at acknowledged_window\.py:\d+ in AcknowledgedHub\.publish", done.output)
    assert "Many users who come and go" in (tmp_path / "reports" / "index.html").read_text()
