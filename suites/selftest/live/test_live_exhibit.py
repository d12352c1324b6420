"""What a live violation is drawn from: the last moments of the users concerned, with their seconds, redacted."""

import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.cli import cli
from crosstalk.live_exhibit import MOMENTS, live_exhibit
from crosstalk.live_recovery import recovered
from crosstalk.live_tally import Demands, Tally
from crosstalk.model.live_history import LiveHistory
from crosstalk.model.live_records import apply
from crosstalk.reporting.folder import leave, pretty
from crosstalk.reporting.picture import picture
from crosstalk.reporting.reading import NoVerdict, decoded

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_picture import of_class, words

RUN = ("agent_started", "agent_thinking", "agent_completed")
CANARY = 4


def plain(text):
    return text


class Round:
    """A round written record by record: users connect one device each, and ask for runs."""

    def __init__(self, *users):
        self.history = LiveHistory(users)
        self.time = 0.0
        for user in range(len(users)):
            self.tell("connecting", user, 0, self.later())
            self.tell("connected", user, self.later())

    def tell(self, *record):
        apply(self.history, record)

    def later(self, seconds=0.25):
        self.time += seconds
        return self.time

    def ask(self, user):
        number = sum(run.user == user for run in self.history.runs) + 1
        self.tell("run", user, number, user, self.later())
        self.tell("asked", len(self.history.runs) - 1, self.later(), 1, "")
        return len(self.history.runs) - 1

    def arrive(self, episode, kind, run=-1, owner=-1, named=-1):
        if kind not in self.history.types:
            self.tell("type", kind)
        type_ = self.history.types.index(kind)
        self.tell("d", self.later(), episode, run, owner, named, CANARY if owner >= 0 else 0, type_, 0)
        if kind == RUN[-1] and run >= 0:
            self.tell("completed", run, self.time)

    def quiet(self):
        for episode in range(len(self.history.episodes)):
            self.tell("answered", episode)
        self.tell("quiet", self.later(5.0))
        return self.history

    def first(self, check):
        (violation, *_) = LIVE_CHECKS[check](self.history).violations
        return violation

    def scene(self, check, redact=plain):
        return live_exhibit(self.history, self.first(check), redact).scene


def leaking(users=("alice", "bob"), secret=""):
    """Bob's run ends at alice's."""
    made = Round(*users)
    mine, theirs = made.ask(0), made.ask(1)
    made.arrive(0, RUN[0], mine, 0)
    made.arrive(1, RUN[0], theirs, 1)
    made.arrive(0, RUN[1] + secret, -1, 1)
    made.tell("excerpt", 2, f'{{"type": "agent_thinking{secret}"}}')
    made.arrive(0, RUN[2], mine, 0)
    return made


def test_a_leak_goes_from_the_owners_lane_to_the_receivers_device_at_its_second():
    made = leaking()
    scene = made.scene("isolation")
    svg = ET.fromstring(str(picture(scene, "isolation", made.first("isolation").message)))
    lanes = {text.text: float(text.get("x")) for text in of_class(svg, "who")}
    (arrow,) = [line for line in of_class(svg, "red") if line.get("x1") != line.get("x2")]
    assert lanes["bob"] <= float(arrow.get("x1")) < lanes["alice"] < float(arrow.get("x2"))
    assert len(of_class(svg, "redhead")) == 1
    said = words(svg)
    assert "✕ agent_thinking" in said and "It belongs to bob." in said and "Received by alice on alice/0." in said
    at = made.history.at_time[2]
    assert f"{at:.3f}" in said and scene.clock[scene.culprit.time] == at
    assert RUN[2] not in said  # what came afterwards
    told = svg.find("{http://www.w3.org/2000/svg}desc").text
    assert f"HERE: {at:.3f} s: agent_thinking of bob arrives on alice/0, which is alice's connection." in told
    assert "alice asks for run 1 on alice/0." in told


def test_a_run_that_stays_incomplete_misses_its_end_and_one_out_of_order_shows_where():
    made = Round("alice")
    short, long = made.ask(0), made.ask(0)
    for kind in RUN[:2]:
        made.arrive(0, kind, short, 0)
    for kind in (*RUN[:2], RUN[0], RUN[2]):
        made.arrive(0, kind, long, 0)
    made.quiet()
    incomplete, wrong = LIVE_CHECKS["golden_path"](made.history).violations
    scene = live_exhibit(made.history, incomplete, plain).scene
    assert scene.culprit.kind == "missing" and scene.acts[scene.culprit.number].kind == "ask"
    assert scene.runs[scene.acts[scene.culprit.number].event] == 1
    assert scene.clock[scene.culprit.time] == made.history.final_quiet
    assert "run 1 not whole" in words(ET.fromstring(str(picture(scene, "golden_path", incomplete.message))))
    scene = live_exhibit(made.history, wrong, plain).scene
    culprit = scene.arrivals[scene.culprit.number]
    assert (culprit.type, scene.clock[culprit.started]) == (RUN[0], made.history.at_time[4])


def test_who_was_held_up_is_shown_with_the_reader_who_stopped():
    made = Round("reader", "waiting")
    made.arrive(0, RUN[2], made.ask(0), 0)
    made.ask(0)
    made.tell("held", 0, made.later(), 2.0)
    run = made.ask(1)
    made.tell("released", 0, made.later(3.0))
    for _ in range(60):
        made.arrive(0, RUN[1], 1, 0)
    made.arrive(1, RUN[2], run, 1)
    made.quiet()
    scene = made.scene("blocking")
    assert [remark.text for remark in scene.remarks] == ["reader/0 stops reading", "reader/0 reads on"]
    assert scene.users[scene.acts[scene.culprit.number].user] == "waiting"
    assert len(scene.arrivals) < 5, "what had piled up says nothing"


def test_a_connection_that_the_server_broke():
    made = Round("alice")
    made.tell("left", 0, made.later(), "broken", "a frame with a mask: 42")
    scene = made.scene("protocol")
    act = scene.acts[scene.culprit.number]
    assert (act.kind, act.said) == ("lose", "a frame with a mask: 42")
    assert "a frame with a mask: 42" in " ".join(words(ET.fromstring(str(picture(scene, "protocol", "it broke")))))


def test_texts_of_the_server_are_redacted_and_hostile_ones_stay_text():
    scene = leaking(secret="hunter2").scene("isolation", lambda text: text.replace("hunter2", "[redacted]"))
    assert b"[redacted]" in msgspec.json.encode(scene) and b"hunter2" not in msgspec.json.encode(
        scene.arrivals[-1].type
    )
    hostile = leaking(users=("<script>", "b\x1b[31m\u202e"), secret="</svg><script>").scene("isolation")
    svg = str(picture(hostile, "isolation", "</svg>"))
    ET.fromstring(svg)
    assert "<script" not in svg and "\x1b" not in svg and "\u202e" not in svg


def test_of_a_large_round_only_the_last_moments_of_those_concerned_are_kept():
    users = tuple(f"user{number}" for number in range(50))
    made = Round(*users)
    early = made.ask(0)
    for _ in range(400):
        for user in range(50):
            made.arrive(user, RUN[1], early if user == 0 else -1, user if user else 0)
    made.arrive(0, RUN[1], -1, 49)
    for _ in range(50):
        made.arrive(0, RUN[1], -1, 7)  # another leak, and the same defect
    made.arrive(0, RUN[1], -1, 49)
    leak = made.first("isolation")
    assert leak.users == ("user49", "user0")
    scene = live_exhibit(made.history, replace(leak, send=made.history.deliveries - 1), plain).scene
    assert [arrival.owner for arrival in scene.arrivals if arrival.owner >= 0] == [scene.users.index("user49")] * 2
    assert len(scene.arrivals) + len(scene.acts) <= MOMENTS + 4
    assert any(act.kind == "ask" and act.user == scene.users.index("user0") for act in scene.acts)
    assert scene.others == 48 and scene.left_out > 700
    assert len(msgspec.json.encode(scene)) < 8_000
    assert "48 other users are left out" in " ".join(words(ET.fromstring(str(picture(scene, "isolation", "leaked")))))


def verdict(made):
    tally = Tally(Demands("ws://127.0.0.1/ws"), plain, lambda: made.time, made.history.users)
    tally.take(made.history)
    return tally.verdict()


def test_it_is_on_the_page_and_explained_from_the_verdict(tmp_path):
    leave(verdict(leaking()), tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert 'class="ctp"' in page and "○ the user asks for an agent run" in page and "A <em>probe</em>" not in page
    for given in (tmp_path, tmp_path / "verdict.json"):
        done = CliRunner().invoke(cli, ["explain", str(given)])
        assert done.exit_code == 1, done.output
        assert "agent_thinking of bob arrives on alice/0, which is alice's connection." in done.stdout
        assert "It was seen once, first after 2.8 s in round 0." in done.stdout
    done = CliRunner().invoke(cli, ["explain", str(tmp_path), "--number", "9"])
    assert done.exit_code == 2 and "there is no number 9" in done.stderr
    drawn = CliRunner().invoke(cli, ["report", "svg", str(tmp_path)])
    assert drawn.exit_code == 0 and drawn.stdout.startswith("<svg")


def test_the_picture_is_of_the_smallest_round_that_shows_it_to_the_same_users():
    tally = Tally(Demands("ws://127.0.0.1/ws"), plain, lambda: 9.0, ("alice", "bob"))
    large, small, others = leaking(), leaking(), leaking(("carol", "dave"))
    for _ in range(5):
        large.ask(0)
    untold = leaking()
    untold.history.excerpts.clear()
    for made in (large, others, untold):
        tally.take(made.history)
    (found,) = tally.found_of("isolation")
    assert found.times == 3 and found.runs == 7, "one that has no frame to show takes no other's place"
    tally.take(small.history)
    assert found.times == 4 and found.runs == 2 and found.excerpt
    assert found.exhibit == live_exhibit(small.history, small.first("isolation"), plain)
    assert found.seconds == large.history.at_time[2]


@pytest.mark.parametrize("change", [{"clock": (1.0,)}, {"runs": ()}, {"runs": (1, 2, 3, 4)}])
def test_a_live_scene_that_contradicts_itself_is_refused(change):
    whole = verdict(leaking())
    assert decoded(pretty(whole), "verdict.json") == whole
    loose = msgspec.json.decode(pretty(whole))
    for violation in loose["checks"][0]["violations"]:
        violation["exhibit"]["scene"] |= change
    with pytest.raises(NoVerdict, match="contradicts itself"):
        decoded(msgspec.json.encode(loose), "verdict.json")


JOURNAL = (
    ("crosstalk-live", 1, "t"),
    ("round", 0, ("alice", "bob"), "agent_started agent_completed"),
    ("connecting", 0, 0, 0.5),
    ("connected", 0, 0.75),
    ("connecting", 1, 0, 0.75),
    ("connected", 1, 1.0),
    ("type", "agent_started"),
    ("run", 1, 1, 1, 1.5),
    ("d", 2.0, 0, -1, 1, -1, CANARY, 1, 0),
)


@pytest.mark.parametrize(
    ("place", "record"),
    [
        (8, ("d", 2.0, 0, -1, 7, -1, CANARY, 1, 0)),  # there is no user 7
        (8, ("d", 2.0, 9, -1, 1, -1, CANARY, 1, 0)),
        (8, ("d", 2.0, 0, -1, 1, -1, CANARY, -1, 0)),
        (7, ("run", 5, 1, 9, 1.5)),
        (4, ("connecting", 9, 0, 0.75)),
    ],
)
def test_a_journal_whose_leak_cannot_be_drawn_is_damaged_and_says_so(tmp_path, place, record):
    path = tmp_path / "live.jsonl"

    def written(records):
        path.write_text("".join(f"{msgspec.json.encode(one).decode()}\n" for one in records))

    written(JOURNAL)
    (found,) = recovered(path).checks[0].violations
    assert found.exhibit.scene.culprit.kind == "arrival" and found.users == ("bob", "alice")
    written((*JOURNAL[:place], record, *JOURNAL[place + 1 :]))
    try:
        assert recovered(path).verdict != "pass"
    except ValueError as error:
        assert "is damaged: its records do not fit together" in str(error)
