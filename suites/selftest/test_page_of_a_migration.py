"""What compare, equivalent and cutover leave beside a verdict is on its page, as a table and with a plot of ratios."""

import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from test_page import HOSTILE, Reader
from verdicts import made, scene

from crosstalk.cli import cli
from crosstalk.model.migration import Comparison, Cutover, Difference, Equivalence, Judged, Loss, Measured, Seen
from crosstalk.model.scene import Exhibit, Switch
from crosstalk.model.soak import Curve, Grown, Growth, LiveSoak, Pool, Slope, Soak
from crosstalk.model.verdict import Control, FoundViolation, Schedule
from crosstalk.reporting.folder import leave, leave_beside
from crosstalk.reporting.migration import beside
from crosstalk.reporting.page import page

PAIRS = Path(__file__).parents[1] / "zoo" / "worked_example"


def comparison(old="old.py:Hub", word="more"):
    return Comparison(
        "fail",
        old,
        "new.py:Hub",
        12,
        (
            Measured("delivery", 100, 6.9e-6, 22.3e-6, 3.227, 3.072, 3.658, word),
            Measured("per_second", 100, 90_000.0, 90_100.0, 1.001, 0.5, 2e9, "no difference"),
        ),
        (Judged("delivery", 0.2, "not met", 0), Judged("retained", 0.3, "cannot tell", 17)),
        4.5,
        ("OLD lost 3 events while it was measured: see crosstalk check",),
    )


def equivalence(words="raises ConnectionResetError"):
    difference = Difference(
        "raised", "to a user with a vanished connection", words, "returns a number",
        ("crash: it raised",), (), ("alice",), 3, "   alice\n   OLD and NEW", "ct1-xyz", ("to a user who left",),
        scene(), msgspec.structs.replace(scene(), culprit=None),
    )  # fmt: skip
    controls = (Seen("alter", True), Seen("drop_one", False))
    return Equivalence("fail", "old.py:Hub", "new.py:Hub", 7, (difference,), controls, 900, 3_400, 36_000, 2, 3.3)


def cutover(message="'alice' never received an event"):
    moved = msgspec.structs.replace(scene(), switches=(Switch(7, "switch to NEW", 8),))
    found = FoundViolation(
        message, ("alice",), "ct1-abc", Schedule("sweep", 0), "   alice\n   moved", "lost", Exhibit(moved)
    )
    return Cutover(
        "fail", "old.py:Hub", "new.py:Hub", "drain", 7, (Loss("delivery", "migration", "amid a publish", found),),
        {"delivery": 30}, (Control("delivery", "drop_one", True),), 245, 1_852, 3_624, {"alice": 2.5, "bob": 0.0},
        "'switch to NEW', amid a publish", 6.6,
    )  # fmt: skip


def soaked(container="Hub.kept: a list of 336 (str)"):
    level, more = Slope(0.0, 0.0, 0.0), Slope(63.4, 60.8, 66.0)
    rising = Slope(0.98, 0.97, 0.99)
    growth = Growth("departed user", 336, more, level, level, level, True, (container,), ("ws.py:13 (63 bytes each)",))
    curve = Curve(
        "delivery", "users", (128, 1_024), (265.0, 2_056.0), (3e-5, 5e-5), rising, True, ("ws.py:12 in publish",)
    )
    pool = Pool(540, 240, 300, ("duplicate: alice was sent it twice",), "links: 600 connections")
    return Soak("fail", "new.py:Hub", (growth,), (curve,), pool, 7.5, ("scale",), ("no curve over devices: full",))


def test_a_soak_is_on_the_page(tmp_path):
    leave_beside(soaked(), tmp_path / "soak.json")
    text = (tmp_path / "index.html").read_text()
    words = Reader(text).words
    assert "Crosstalk: a soak" in words and "✕ fail Many users who come and go: new.py:Hub" in words
    assert "Fail for new.py:Hub in 7.5 s; flagged, and a failure with the guarantee scale=yes." in words
    assert "after 336, for each departed user: 63.4 bytes (60.8 to 66.0)" in words
    assert "Hub.kept: a list of 336 (str); ws.py:13 (63 bytes each)" in words
    assert "a delivery with 128 users 265 lines (30 us), with 1,024 2,056 lines (50 us): exponent 0.98" in words
    assert "pool of 540 connections, 240 ended and 300 open; links: 600 connections" in words
    assert "duplicate: alice was sent it twice" in words and "no curve over devices: full" in words
    assert "delivery, 1,024" in words and "2,056 lines" in words  # the plot
    leave_beside(soaked(HOSTILE[0]), tmp_path / "soak.json")
    assert "<script>alert" not in (tmp_path / "index.html").read_text()
    (tmp_path / "soak.json").write_text("{}")
    assert beside(tmp_path).doubts[0].endswith("let crosstalk soak make it again")


def test_a_soak_of_a_running_system_is_on_the_page_with_what_was_read(tmp_path):
    points = tuple((20.0 * (n + 1), 50e6 + 4e5 * n) for n in range(16))
    memory = Grown("memory", 160, Slope(20_000.0, 19_000.0, 21_000.0), "fail", points)
    files = Grown("open files", 160, Slope(0.0, 0.0, 0.0), "pass", tuple((at, 11.0) for at, _ in points))
    leave(made(0), tmp_path)
    result = LiveSoak("fail", "ws://127.0.0.1:9/ws", 320, (memory, files), made(0), 9.5, ("a note",))
    leave_beside(result, tmp_path / "live_soak.json")
    text = (tmp_path / "index.html").read_text()
    words = Reader(text).words
    assert words.count("✕ fail Many users who come and go: ws://127.0.0.1:9/ws") == 2 and "a note" in words
    assert "Fail for ws://127.0.0.1:9/ws, 320 users in 9.5 s." in words
    assert re.search(r"memory: 20,000 \(19,000 to 21,000\) bytes for each of 160 departed users ?grows", words)
    assert "memory, by how many users have gone: from 50,000,000 to 56,000,000" in words
    assert "open files, by how many users have gone: from 11 to 11" in words
    circles = re.findall(r'<circle class="(\w+)"', text)
    assert circles == 2 * (8 * ["dot"] + 8 * ["bar"])  # what growth is judged by is filled
    (tmp_path / "live_soak.json").write_text("{}")
    assert beside(tmp_path).doubts[0].endswith("let crosstalk soak make it again")


def everything(folder):
    leave(made(0), folder)
    leave_beside(comparison(), folder / "compare.json")
    leave_beside([equivalence(), equivalence()], folder / "equivalent.json")
    leave_beside(cutover(), folder / "cutover.json")
    return (folder / "index.html").read_text()


def test_all_three_are_on_the_page_of_the_verdict_beside_them(tmp_path):
    text = everything(tmp_path)
    words = Reader(text).words
    assert "✕ fail Time and memory: OLD old.py:Hub, NEW new.py:Hub" in words
    assert "an event arrives after: 20% less is not met; memory kept for a connection: 30% less is cannot tell" in words
    assert re.search(r"an event arrives after, us ?100 ?6\.9 ?22\.3 ?3\.227 ?3\.072 to 3\.658 ?more", words)
    assert "0.500 to over 1,000" in words and "OLD lost 3 events" in words
    assert words.count("What would be noticed: OLD") == 4  # each, and at the top where it is
    assert re.search(r'<header>.*href="#b1".*href="#b4".*</header>.*id="b1".*id="b4"', text, re.S)
    assert "1. raised to a user with a vanished connection (also to a user who left)" in words
    assert "OLD breaks crash: it raised" in words and "Sabotages of OLD seen as differences: 1 of 2" in words
    assert "crosstalk equivalent old.py:Hub new.py:Hub --replay ct1-xyz" in words
    assert "By drain: 245 switch points" in words and "Down-time: alice 2.5 s, bob 0 s" in words
    assert re.search(r"1\. delivery: 'alice' never received an event ?migration ?amid a publish", words)
    assert "crosstalk cutover old.py:Hub new.py:Hub --switch drain --replay ct1-abc" in words
    assert made(0).target in words


def test_a_loss_is_drawn_with_the_switch_across_it_and_one_that_contradicts_itself_is_said(tmp_path):
    text = everything(tmp_path)
    *differing, drawn = re.findall(r'<svg[^>]*class="ctp".*?</svg>', text, re.S)
    assert len(differing) == 2 and all("OLD: raises ConnectionResetError" in one for one in differing)
    assert "⇄ Switch to NEW" in drawn and "The switch to NEW is done" in drawn
    assert "═ users are told to be moved" in text and "The same as text" in text
    for file in ("equivalent.json", "cutover.json"):
        damaged = (tmp_path / file).read_text().replace('"connection": 1', '"connection": 17')
        (tmp_path / file).write_text(damaged)
    doubts = beside(tmp_path).doubts
    assert [doubt.partition(" contradicts itself: a scene names")[0] for doubt in doubts] == [
        str(tmp_path / "equivalent.json"),
        str(tmp_path / "cutover.json"),
    ]


def test_the_plot_has_each_ratio_between_the_ends_of_its_interval(tmp_path):
    text = everything(tmp_path)
    plot = re.search(r'<svg[^>]*class="plot"><title>NEW / OLD.*?</svg>', text, re.S)[0]
    lines = [tuple(map(float, x)) for x in re.findall(r'class="line" x1="([\d.]+)" x2="([\d.]+)"', plot)]
    circles = [float(x) for x in re.findall(r'<circle class="bar" cx="([\d.]+)"', plot)]
    one = float(re.search(r'class="one" x1="([\d.]+)"', plot)[1])
    spans = [(a, b) for a, b in lines if b > a]
    assert len(spans) == len(circles) == 2
    assert all(low <= at <= high for (low, high), at in zip(spans, circles, strict=True))
    assert one < spans[0][0] and spans[1][0] < one < spans[1][1]
    assert len(lines) == 2 + 2 + 1  # an interval that leaves the scale has no mark there


def test_a_new_run_keeps_what_is_beside_it_and_report_finds_it_too(tmp_path):
    everything(tmp_path)
    leave(made(1), tmp_path)
    again = (tmp_path / "index.html").read_text()
    assert "Time and memory" in again and "Moving users" in again
    for given in (tmp_path, tmp_path / "verdict.json"):
        assert CliRunner().invoke(cli, ["report", "html", str(given)]).stdout == again


@pytest.mark.parametrize("there", [None, "damaged"])
def test_without_a_verdict_the_page_is_of_the_results_alone(tmp_path, there):
    if there is not None:
        (tmp_path / "verdict.json").write_text(there)
    leave_beside(comparison(), tmp_path / "compare.json")
    words = Reader((tmp_path / "index.html").read_text()).words
    assert "Crosstalk: OLD and NEW" in words and "an event arrives after: 20% less is not met" in words
    assert "Findings" not in words and "Controls" not in words and "verdict.json" not in words


def test_without_results_there_is_no_block():
    assert 'class="migration"' not in page(made(1))


DAMAGED = (b"", b"[" * 100_000, b'{"verdict": "pass"}', b"\xff", b"[[]]", b"null")


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
@pytest.mark.parametrize("file", ["compare.json", "equivalent.json", "cutover.json"])
def test_a_damaged_result_is_said_and_the_rest_is_shown(tmp_path, file, text):
    everything(tmp_path)
    (tmp_path / file).write_bytes(text)
    leave(made(0), tmp_path)
    words = Reader((tmp_path / "index.html").read_text()).words
    assert f"{file} is damaged or of another version" in words
    assert words.count("OLD old.py:Hub, NEW new.py:Hub") >= 2


def test_a_result_of_another_schema_is_said(tmp_path):
    (tmp_path / "compare.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(comparison(), schema=2)))
    found = beside(tmp_path)
    assert found.results == () and "has another schema than 1" in found.doubts[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text, tmp_path):
    def shown(word):
        leave_beside(comparison(word, word), tmp_path / "compare.json")
        leave_beside(equivalence(word), tmp_path / "equivalent.json")
        leave_beside(cutover(word), tmp_path / "cutover.json")
        return page(made(0), beside(tmp_path))

    hostile = shown(text.replace("\ud800", "x"))  # not to be had in a file
    assert [tag for tag, _ in Reader(hostile).tags] == [tag for tag, _ in Reader(shown("plain")).tags]
    assert not any(character in hostile for character in "\u202e\u2066\x1b\x07\x00")


def test_figures_that_make_no_sense_are_left_out(tmp_path):
    wrong = (
        Measured("delivery", 1, 0.0, 0.0, 0.0, 0.0, 0.0, "less"),
        Measured("delivery", 1, 1.0, 1.0, 5.0, 1.0, 2.0, "less"),
        Measured("invented", 1, 1.0, 1.0, 1.0, 1.0, 1.0, "less"),
    )
    leave_beside(msgspec.structs.replace(comparison(), measured=wrong), tmp_path / "compare.json")
    text = page(made(0), beside(tmp_path))
    assert "Time and memory" in text and "invented" not in text and "NEW divided by OLD" not in text


def test_the_command_adds_its_result_to_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(PAIRS)
    leave(made(1), tmp_path)
    line = ["equivalent", "manager.py:ConnectionManager", "service.py:BroadcastService", "--budget", "1"]
    done = CliRunner().invoke(cli, [*line, "--reports", str(tmp_path)])
    assert done.exit_code == 1, done.output
    assert done.stdout.endswith(f"report: {tmp_path / 'index.html'}\n")
    words = Reader((tmp_path / "index.html").read_text()).words
    assert "What would be noticed: OLD manager.py:ConnectionManager, NEW service.py:BroadcastService" in words


def test_report_makes_the_page_of_results_without_a_verdict_too(tmp_path):
    shown = leave_beside(comparison(), tmp_path / "compare.json")
    done = CliRunner().invoke(cli, ["report", "html", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, shown.read_text())
    (tmp_path / "verdict.json").write_text("damaged")
    done = CliRunner().invoke(cli, ["report", "html", str(tmp_path)])
    assert done.exit_code == 2 and "verdict.json is damaged or no JSON" in done.stderr
