"""Equivalence: planted differences are found, told once and small; pairs written differently raise no alarm."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_picture import of_class, words

from crosstalk.cli import cli
from crosstalk.consolidation.equivalence import compare, mirrored, replay
from crosstalk.consolidation.sequence import sequenced
from crosstalk.examination import open_target
from crosstalk.reporting.migration import difference_drawn
from crosstalk.scenarios.program import Burst, Cancel, Connect, Disconnect, Drop, Program, Publish, Twin

ZOO = Path(__file__).parents[1] / "zoo"
PAIRS = sorted((ZOO / "pairs").glob("*.py"))
PLANTED = {path: re.search(r'^DIFFERENCE = "(\w*)"', path.read_text(), re.M).group(1) for path in PAIRS}
BREAKS = {
    "holds_the_current_user": "isolation",
    "keeps_a_lock_a_user": "cleanup",
    "latest_first": "order",
    "one_lock_for_all": "blocking",
    "registers_after_a_wait": "delivery",
    "sends_to_the_departed": "ghost",
}
COUNTING = ("closes_the_slow", "cow_tuples", "frozen_registry", "pooled_channels", "session_epochs", "taskgroup_locks")
SILENT = (
    "acknowledged_window",
    "crc_shards",
    "dispatcher",
    "login_batches",
    "sync_writers",
    "timed_batch",
    "user_actor",
)


def pair(path):
    return open_target(f"{path}:create_old"), open_target(f"{path}:create_new")


def names(paths):
    return [path.stem for path in paths]


NEAR = [path for path in PAIRS if PLANTED[path] not in ("", "guarantee")]
RACING = [path for path in PAIRS if PLANTED[path] == "guarantee"]
SAME = [path for path in PAIRS if not PLANTED[path]]


def test_the_zoo_is_as_large_as_promised():
    assert len(NEAR) + len(RACING) >= 15
    assert {path.stem for path in RACING} == BREAKS.keys()
    assert len(SAME) >= 6


@pytest.mark.parametrize("path", NEAR, ids=names(NEAR))
def test_a_planted_difference_is_told_and_nothing_else(path):
    result = compare(*pair(path), seconds=60, programs=40)
    assert result.verdict == "fail"
    assert {difference.kind for difference in result.differences} == {PLANTED[path]}, result.differences
    assert all(seen.caught for seen in result.controls)
    for difference in result.differences:
        assert_both_are_drawn(difference)


MARKED = {
    "not sent": "missing", "sent once": "arrival", "sent twice": "arrival", "sent more than twice": "arrival",
    "sent to another user": "arrival", "to nobody else": None, "in another order": "arrival",
    "in the order of their publishes": None, "closes it": "end", "leaves it open": None, "nothing": None,
}  # fmt: skip


def assert_both_are_drawn(difference):
    """Side by side, and on each side what differs is marked where it is."""
    svg = ET.fromstring(str(difference_drawn(difference)))
    sides = list(svg.findall("{http://www.w3.org/2000/svg}svg"))
    left, right = (float(side.get("x")) for side in sides)
    assert left + float(sides[0].get("width")) < right
    for side, scene, value in zip(
        sides, (difference.old_scene, difference.new_scene), (difference.old, difference.new), strict=True
    ):
        kind = {"content": "arrival", "frames": "arrival"}.get(difference.kind, "act")
        expected = MARKED.get(value, kind)
        assert (scene.culprit.kind if scene.culprit is not None else None) == expected
        assert bool(of_class(side, "red")) == (expected is not None)
        assert f": {value}"[:18] in " ".join(words(svg))
        assert all(0 <= float(e.get("x2") or 0) <= float(side.get("width")) for e in side.iter())


@pytest.mark.parametrize("path", RACING, ids=names(RACING))
def test_a_guarantee_that_only_one_keeps(path):
    result = compare(*pair(path), seconds=60, programs=300)
    assert {difference.kind for difference in result.differences} == {"guarantee"}
    first = next(difference for difference in result.differences if difference.situation == BREAKS[path.stem])
    assert (first.old, first.new) == ("keeps it", "breaks it")
    assert not first.old_breaks
    assert any(broken.startswith(f"{BREAKS[path.stem]}: ") for broken in first.new_breaks)
    if BREAKS[path.stem] != "cleanup":  # which the counts tell, and no picture
        assert first.old_scene.culprit is None and first.new_scene.culprit is not None
        assert "✕" in str(difference_drawn(first)) or first.new_scene.culprit.kind != "arrival"


@pytest.mark.parametrize("path", SAME, ids=names(SAME))
def test_no_alarm_on_equivalent_pairs(path):
    result = compare(*pair(path), seconds=60, programs=150)
    assert result.differences == ()
    assert result.verdict == "pass"
    assert result.facts > 3_000


@pytest.mark.parametrize(
    ("old", "new"),
    [*(("dict_of_sets", new) for new in COUNTING), *(("writer_queue", new) for new in SILENT)],
)
def test_no_alarm_on_correct_broadcasters_of_other_designs(old, new):
    first, second = (open_target(f"{ZOO / 'correct' / name}.py:create") for name in (old, new))
    result = compare(first, second, seconds=60, programs=60)
    assert [difference.sentence for difference in result.differences] == []
    assert result.verdict == "pass"


def test_the_counterexample_is_minimal_and_shows_both_sides():
    result = compare(*pair(ZOO / "pairs" / "gives_up_at_the_first_broken.py"), seconds=60, programs=40)
    (difference,) = result.differences
    assert difference.users == ("alice",)
    assert difference.steps == 3  # two connections, one of which vanishes; the probe is the event
    assert difference.old_breaks == ()
    assert difference.new_breaks[0].startswith("delivery: 'alice' never received an event")
    marked = [line for line in difference.timeline.splitlines() if line.startswith(">>")]
    assert any("-> alice/" in line.partition("|")[0] and "-> alice/" not in line.partition("|")[2] for line in marked)


def test_a_difference_can_be_allowed_or_declared():
    counts = pair(ZOO / "pairs" / "counts_users.py")
    assert compare(*counts, seconds=60, programs=20, allow=frozenset({"returned"})).verdict == "pass"
    stamped = pair(ZOO / "pairs" / "adds_timestamp.py")
    assert compare(*stamped, seconds=60, programs=20, allow=frozenset({"additions"})).verdict == "pass"


def test_what_a_schedule_explains_is_no_difference(tmp_path):
    """A dispatcher that sends to all of a user's connections in the order in which a set happens to hold them."""
    source = """
import asyncio
class Hub:
    def __init__(self, backwards):
        self.backwards, self.links = backwards, []
    async def connect(self, user_id, websocket):
        self.links.append((user_id, websocket))
    async def disconnect(self, user_id, websocket):
        self.links.remove((user_id, websocket))
    async def publish(self, user_id, event):
        mine = [w for u, w in self.links if u == user_id]
        await asyncio.gather(*(self.one(w, event) for w in (mine[::-1] if self.backwards else mine)))
    async def one(self, websocket, event):
        try:
            await websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            pass
def forwards(): return Hub(False)
def backwards(): return Hub(True)
"""
    (tmp_path / "ws.py").write_text(source)
    path = tmp_path / "ws.py"
    result = compare(open_target(f"{path}:forwards"), open_target(f"{path}:backwards"), seconds=60, programs=200)
    assert result.verdict == "pass"


def test_who_is_wrong_is_said_whichever_side_it_is_on():
    new, old = pair(ZOO / "pairs" / "one_lock_for_all.py")
    result = compare(old, new, seconds=60, programs=400)
    difference = result.differences[0]
    assert (difference.old, difference.new) == ("breaks it", "keeps it")
    assert difference.old_breaks and not difference.new_breaks


def test_a_replayed_token_shows_the_same():
    old, new = pair(ZOO / "pairs" / "greets.py")
    (difference,) = compare(old, new, seconds=60, programs=20).differences
    assert replay(old, new, difference.replay) == (difference.timeline, True)
    assert replay(old, old, difference.replay)[1] is False


def test_the_same_in_other_situations_is_told_once():
    result = compare(*pair(ZOO / "pairs" / "drops_what_comes_quickly.py"), seconds=60, programs=40)
    (difference,) = result.differences
    assert difference.sentence.startswith(
        "delivered to a user with one connection: OLD sent once; NEW not sent (also to"
    )
    assert "to a user with several connections" in difference.also


def test_the_other_one_is_tried_with_the_devices_of_a_user_in_each_others_place():
    """NEW serves them in the opposite order: what befalls the second one in OLD befalls the first one there."""
    program = Program(
        ("alice", "bob"), (0, 1, 0), ((Connect(0), Connect(2), Publish(0), Disconnect(0), Connect(1, reuse=0)),)
    )
    steps = (Connect(0), Connect(2), Publish(0), Disconnect(2), Connect(1, reuse=2))
    assert mirrored(program) == Program(program.users, program.devices, (steps,))
    assert mirrored(mirrored(program)) == program


def test_sequencing_gives_each_user_one_track_and_nothing_that_races():
    program = Program(
        ("alice", "bob"),
        (0, 1),
        ((Connect(0), Burst((0, 1, 0))), (Connect(1), Twin(0, 1), Cancel(0), Drop(1), Publish(0, 3, "probe"))),
    )
    alice, bob = sequenced(program).tracks
    assert alice == (Connect(0), Publish(0), Publish(0), Publish(0), Publish(0, 3, "probe"))
    assert bob == (Connect(1), Publish(1), Publish(1), Drop(1))
    assert sequenced(sequenced(program)) == sequenced(program)


def crosstalk(*arguments, cwd):
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()", "equivalent", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_the_command(tmp_path):
    path = ZOO / "pairs" / "counts_users.py"
    done = crosstalk(f"{path}:create_old", f"{path}:create_new", "--budget", "2", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "returned to a user with several connections: OLD returns 2; NEW returns 1" in done.stdout
    assert "not equivalent: 1 distinct difference:" in done.stdout
    result = json.loads((tmp_path / "reports" / "equivalent.json").read_text())
    token = result["differences"][0]["replay"]
    again = crosstalk(f"{path}:create_old", f"{path}:create_new", "--replay", token, cwd=tmp_path)
    assert again.returncode == 1
    assert result["differences"][0]["timeline"] in again.stdout


def explained(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_what_differs_is_told_in_sentences(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = (ZOO / "pairs" / "absent_user_raises.py").read_text()
    Path("sides.py").write_text(source.replace("send_to_user", "shove"))
    sides = ("sides.py:create_old", "sides.py:create_new", "--new-name", "publish=shove")
    code, _, _ = explained("equivalent", *sides, "--budget", "0.5")
    assert code == 1
    (difference,) = json.loads(Path("reports/equivalent.json").read_text())["differences"]
    for given in (difference["replay"], "reports", "reports/equivalent.json"):
        code, told, _ = explained("explain", given)
        assert code == 1
        assert "A probe for alice is published: event #0." in told
        assert re.search(r"(OLD|NEW): The publish of event #0 for alice raises \w+", told), told
        assert re.search(r"(OLD|NEW): nothing more happens\.\n", told), told
        assert "  Raised to a user " in told and "OLD " in told.splitlines()[-1] and "; NEW " in told.splitlines()[-1]
    assert explained("replay", difference["replay"]) == (1, difference["timeline"] + "\n", "")
    code, _, words = explained("replay", difference["replay"], "--steps")
    assert code == 2 and "crosstalk explain says in sentences" in words
    assert explained("explain", "reports", "--number", "2")[2].endswith("holds 1 finding: there is no number 2\n")
    Path("sides.py").write_text(
        source.replace("send_to_user", "shove").replace("raise NobodyThere(user_id)", "return 0")
    )
    for command in ("explain", "replay"):
        code, told, _ = explained(command, difference["replay"])
        assert code == 3 and "did not occur: these are not the two" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("crosstalk.reference.hub:Hub", "nowhere:Hub"), "nowhere could not be imported"),
        (("crosstalk.reference.hub:Hub", "crosstalk.reference.hub:Hub", "--old-name", "emit"), "give connect=NAME"),
        (("crosstalk.reference.hub:Hub", "crosstalk.reference.hub:Hub", "--replay", "ct1-x"), "damaged"),
        (("crosstalk.reference.hub:Hub", "crosstalk.reference.hub:Hub", "--guarantee", "speed=1"), "is no guarantee"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, words):
    done = crosstalk(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr and done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1
