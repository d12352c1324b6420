"""Cut-over: migrations that lose, repeat, leak or hold up at one point of the switch are found; right ones pass."""

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
from crosstalk.consolidation.cutover import (
    BACK,
    OPERATOR,
    TO_NEW,
    cut_over,
    parsed,
    play,
    point_of,
    rehearsal,
    told,
    with_orders,
    without_orders,
)
from crosstalk.examination import open_target
from crosstalk.model.scene import Act, Connection, Scene, Switch
from crosstalk.reporting.folder import leave_beside
from crosstalk.reporting.picture import picture
from crosstalk.reporting.sentences import moments
from crosstalk.scenarios.program import Connect, Program, Publish
from crosstalk.schedule.strategies.switch_at import SwitchAt
from crosstalk.targets.loader import TargetError

ZOO = Path(__file__).parents[1] / "zoo"
MIGRATIONS = sorted((ZOO / "migrations").glob("*.py"))
CHECK = {path: re.search(r'^CHECK = "(\w*)"', path.read_text(), re.M).group(1) for path in MIGRATIONS}
RIGHT = [path for path in MIGRATIONS if not CHECK[path]]
WRONG = [path for path in MIGRATIONS if CHECK[path]]


def sides(path):
    names = re.search(r'^OLD, NEW = "(\w+)", "(\w+)"', path.read_text(), re.M).groups()
    return [correct(name) for name in names]


def correct(name):
    return open_target(f"{ZOO / 'correct' / name}.py:create")


def test_the_zoo_is_as_large_as_promised():
    assert len([path for path in WRONG if CHECK[path] != "downtime"]) >= 8
    assert len(RIGHT) >= 2


@pytest.mark.parametrize("path", WRONG, ids=[path.stem for path in WRONG])
def test_what_goes_wrong_at_a_switch_point_is_found(path):
    result = cut_over(rehearsal(*sides(path), f"{path}:Switch"), seconds=2, programs=200)
    assert result.verdict == "fail"
    if CHECK[path] == "downtime":
        assert result.down_time == {"alice": 1.0, "bob": 1.0}
        assert result.worst_point.startswith(f"1 s for a switch '{TO_NEW}'")
        return
    blamed = {loss.check: loss for loss in result.losses if loss.whose == "migration"}
    assert CHECK[path] in blamed, result.losses
    assert {loss.whose for loss in result.losses} == {"migration"}
    assert "switch " in blamed[CHECK[path]].point
    for loss in result.losses:
        assert_the_switch_is_drawn_across(loss)


def assert_the_switch_is_drawn_across(loss):
    scene = loss.found.exhibit.scene
    svg = ET.fromstring(str(picture(scene, loss.check, loss.found.message)))
    until = scene.culprit.time
    orders = [switch for switch in scene.switches if switch.time <= until]
    done = sum(0 <= switch.done <= until for switch in orders)
    assert orders and len(of_class(svg, "switch")) == 2 * len(orders) + done
    lanes = [(float(lane.get("x")), float(lane.get("x")) + float(lane.get("width"))) for lane in of_class(svg, "lane")]
    for line in of_class(svg, "switch"):
        assert line.get("y1") == line.get("y2")
        assert all(float(line.get("x1")) < left < right < float(line.get("x2")) for left, right in lanes)
    assert not any(OPERATOR in text.text for text in of_class(svg, "who"))
    assert [text for text in words(svg) if text.startswith("⇄ ")] == [
        f"⇄ {switch.order[0].upper()}{switch.order[1:]}" for switch in orders
    ]


@pytest.mark.parametrize("path", RIGHT, ids=[path.stem for path in RIGHT])
def test_right_migrations_pass(path):
    result = cut_over(rehearsal(*sides(path), f"{path}:Switch"), seconds=60, programs=150)
    assert [(loss.check, loss.found.timeline) for loss in result.losses] == []
    assert result.verdict == "pass"


@pytest.mark.parametrize(
    ("old", "new", "switch"),
    [
        ("writer_queue", "user_lock", "drain"),
        ("user_lock", "writer_queue", "sticky"),
        ("dispatcher", "pooled_channels", "drain"),
        ("sync_writers", "closes_the_slow", "sticky"),
        ("text_once", "weak_sockets", "drain"),
    ],
)
def test_the_switches_given_keep_every_promise(old, new, switch):
    result = cut_over(rehearsal(correct(old), correct(new), switch), seconds=60, programs=90)
    assert [(loss.check, loss.found.timeline) for loss in result.losses] == []
    assert result.verdict == "pass"
    assert set(result.down_time.values()) == {0.0}
    assert all(control.caught for control in result.controls)
    assert result.points > 200 and result.moves > result.points


def test_what_old_alone_does_is_not_held_against_the_migration():
    old = open_target(f"{ZOO / 'defective' / 'everybody_when_absent'}.py:create")
    result = cut_over(rehearsal(old, correct("user_lock"), "sticky"), seconds=4, programs=60)
    assert {loss.whose for loss in result.losses} == {"OLD"}
    assert any("OLD alone breaks isolation" in note for note in result.notes)
    assert result.verdict != "fail"


def test_what_new_alone_does_is_said_to_be_news():
    new = open_target(f"{ZOO / 'defective' / 'everybody_when_absent'}.py:create")
    result = cut_over(rehearsal(correct("user_lock"), new, "sticky"), seconds=4, programs=60)
    assert "NEW" in {loss.whose for loss in result.losses}
    assert result.verdict == "fail"


@pytest.mark.parametrize(
    ("body", "check", "words"),
    [
        ("raise OSError('no flag service')", "crash", "OSError: no flag service"),
        ("await asyncio.get_running_loop().create_future()", "crash", "never returned"),
    ],
    ids=["raises", "hangs"],
)
def test_a_switch_that_fails_of_its_own_accord(tmp_path, body, check, words):
    (tmp_path / "switch.py").write_text(f"""
import asyncio
from crosstalk.consolidation.switches import Sticky
class Broken(Sticky):
    async def move(self, share, cohort=frozenset()):
        {body}
def make(old, new): return Broken(Plain(old), Plain(new))
class Plain:
    def __init__(self, hub):
        self.connect, self.disconnect, self.publish = hub.connect, hub.disconnect, hub.broadcast_to_user
""")
    target = rehearsal(correct("user_lock"), correct("dict_of_sets"), f"{tmp_path / 'switch.py'}:make")
    result = cut_over(target, seconds=2, programs=20)
    (loss,) = [loss for loss in result.losses if loss.check == check]
    assert words in loss.found.message
    assert OPERATOR in loss.found.message
    (order,) = loss.found.exhibit.scene.switches
    assert (order.ending, order.said) in (("raised", "OSError: no flag service"), ("pending", ""))
    assert_the_switch_is_drawn_across(loss)


def test_the_sweep_reaches_every_point():
    """The order comes after each number of other decisions, from none to all."""
    target = rehearsal(correct("user_lock"), correct("dict_of_sets"), "sticky")
    users = ("alice", OPERATOR)
    program = Program(users, (0,), ((Connect(0), Publish(0), Publish(0)), (Publish(1, 0, TO_NEW),)))
    reached = set()
    for point in range(40):
        history, _ = target.run(program, SwitchAt((1 << 20) + 1, point))
        reached.add(point_of(history))
    assert f"{TO_NEW!r}, at the start" in reached
    assert any("during publish #" in point and "1 send under way" in point for point in reached)
    assert any("quiet, after publish" in point for point in reached)
    assert len(reached) >= 6


def test_orders_are_added_and_taken_away_again():
    import random

    plain = Program(("alice", "bob"), (0, 1), ((Connect(0), Publish(0)), (Connect(1), Publish(1))))
    source = random.Random(3)
    drawn = [with_orders(plain, source) for _ in range(60)]
    orders = {step.type for program in drawn for track in program.tracks for step in track if type(step) is Publish}
    assert {TO_NEW, BACK, "switch 50% to NEW", "switch ['alice'] to NEW"} <= orders
    for program in drawn:
        left = [step for track in without_orders(program).tracks for step in track if type(step) is Publish]
        assert left == [Publish(0), Publish(1)]


def test_what_orders_mean():
    assert parsed(TO_NEW) == (1.0, frozenset())
    assert parsed(BACK) == (0.0, frozenset())
    assert parsed("switch 50% to NEW") == (0.5, frozenset())
    assert parsed("switch ['alice'] to NEW") == (0.0, frozenset({"alice"}))
    assert parsed("probe") is None


def crosstalk(*arguments, cwd):
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()", "cutover", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_a_replayed_token_shows_the_same_and_is_told_in_sentences(tmp_path):
    path = ZOO / "migrations" / "cuts_the_queue.py"
    target = rehearsal(*sides(path), f"{path}:Switch")
    result = cut_over(target, seconds=2, programs=20)
    loss = next(loss for loss in result.losses if loss.check == "delivery")
    picture, happened = play(target, loss.found.replay)
    assert happened and picture == loss.found.timeline
    assert f"{TO_NEW} ..." in picture
    assert told(target, loss.found.replay) == loss
    sound = rehearsal(*sides(path), "drain")
    assert play(sound, loss.found.replay)[1] is False and told(sound, loss.found.replay) is None

    leave_beside(result, tmp_path / "cutover.json")
    arguments = ["explain", str(tmp_path / "cutover.json"), "--number", str(1 + result.losses.index(loss))]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1, done.output
    assert "the operator says: switch to NEW" in done.stdout
    happened = done.stdout.partition("What happens:")[2]
    under_way = "While the send of event #0 to alice/0 was waiting for its answer"
    assert f"{under_way}, the switch is told to move everybody to NEW." in happened
    assert "never received an event" in happened
    assert "Neither OLD nor NEW was seen to do that alone: it comes of the move." in happened
    assert "Together" not in done.stdout
    replayed = CliRunner().invoke(cli, ["replay", loss.found.replay])
    assert (replayed.exit_code, replayed.stdout) == (1, loss.found.timeline + "\n")


def test_what_was_under_way_when_users_were_moved_is_said():
    acts = (Act("connect", 0, 1, 5, connection=0), Act("publish", 0, 2, event=0), Act("publish", 0, 6, 7, event=0))
    switches = (
        Switch(0, "switch 50% to NEW", 9),
        Switch(4, "switch ['alice'] to NEW"),
        Switch(8, BACK, 9, "cancelled"),
    )
    scene = Scene(("alice",), (Connection(0, "alice/0", 0, 1, 5),), acts, owners=(0,), switches=switches)
    under_way = "the connect of alice/0 and the publish of event #0 for alice are under way"
    assert [text for _, text in moments(scene) if "switch" in text] == [
        "The switch is told to move 50% to NEW.",
        f"While {under_way}, the switch is told to move alice to NEW.",
        "While the publish of event #0 for alice is under way, the switch is told to move everybody back to OLD.",
        "The switch 50% to NEW is done.",
        "The switch back to OLD is cancelled half-way.",
    ]


def test_the_command(tmp_path):
    old, new = (f"{ZOO / 'correct' / name}.py:create" for name in ("user_lock", "dict_of_sets"))
    done = crosstalk(old, new, "--budget", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "down-time: alice 0 s, bob 0 s" in done.stdout
    assert json.loads((tmp_path / "reports" / "cutover.json").read_text())["verdict"] == "pass"


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("nowhere:Switch", "could not be imported"),
        ("crosstalk.consolidation.side:Side", "raised when a broadcaster was made"),
        ("crosstalk.reference.hub:Hub", "takes 1 positional argument"),
    ],
)
def test_a_switch_that_is_none_is_one_sentence(tmp_path, switch, words):
    done = crosstalk("crosstalk.reference.hub:Hub", "crosstalk.reference.hub:Hub", "--switch", switch, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr and done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1


def test_a_switch_without_a_move_says_what_is_missing():
    def make(old, new):
        return old

    with pytest.raises(TargetError, match=r"no method to move users: give it move\(share, cohort\)"):
        rehearsal(correct("user_lock"), correct("dict_of_sets"), make)
