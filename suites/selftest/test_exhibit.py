"""What a violation is shown with: the right line, the right culprit, a nearest run that really keeps the rule."""

import linecache

import pytest
from verdicts import ZOO
from verdicts import violation as first

from crosstalk.checks import CHECKS
from crosstalk.examination import open_target
from crosstalk.exhibit import COLLECTION, exhibit, nearest, witnessed
from crosstalk.model.scene import Exhibit, Scene
from crosstalk.reporting.sentences import none_passes
from crosstalk.scenarios.program import departures
from crosstalk.scenarios.token import read


@pytest.mark.parametrize(
    ("member", "check", "code"),
    [
        ("held_current_user", "isolation", "send"),
        ("everybody_when_absent", "isolation", "await websocket.send_json(event)"),
        ("impatient_sender", "duplicate", "send"),
        ("tab_close", "delivery", "def "),
        ("manual_lock", "crash", "await channel.lock.acquire()"),
        ("global_lock", "blocking", "async with self.lock:"),
    ],
)
def test_the_place_is_the_line_that_sent_the_frame_or_where_a_call_waits_or_publishing_begins(member, check, code):
    place = first(member, check).exhibit.place
    line = linecache.getline(str(ZOO / f"{member}.py"), place.line)
    assert code in line, line
    assert place.path.endswith(f"{member}.py")
    assert not place.path.startswith("/")
    shown = dict(first(member, check).exhibit.code)
    assert shown[place.line] == line.rstrip() and len(shown) == 9


def test_a_leak_names_its_arrival_owner_and_receiver():
    violation = first("everybody_when_absent", "isolation")
    scene = violation.exhibit.scene
    assert scene.culprit.kind == "arrival"
    arrival = scene.arrivals[scene.culprit.number]
    receiver = scene.users[scene.connections[arrival.connection].user]
    assert (scene.users[arrival.owner], receiver) == violation.users
    assert "ctk_" in arrival.sample


def test_a_loss_names_the_publish_and_the_connection_that_it_is_owed_to():
    violation = first("tab_close", "delivery")
    scene = violation.exhibit.scene
    assert scene.culprit.kind == "missing"
    act, connection = scene.acts[scene.culprit.number], scene.connections[scene.culprit.connection]
    assert scene.users[act.user] in violation.users
    assert connection.user == act.user and connection.device in violation.message
    sent = {(a.connection, e) for a in scene.arrivals for e in a.events if a.ending == "ok"}
    assert (scene.culprit.connection, act.event) not in sent


NEAREST = [
    ("impatient_sender", "duplicate", 1),
    ("manual_lock", "crash", 1),
    ("bare_except", "delivery", 1),
    ("welcome_first", "golden_path", 2),
]


@pytest.mark.parametrize(("member", "check", "distance"), NEAREST)
def test_the_nearest_passing_run_passes_and_differs_in_the_decisions_that_are_named(member, check, distance):
    violation = first(member, check)
    example = read(violation.replay)
    target = open_target(f"{ZOO / member}.py:create", names=example.names)
    near = nearest(target, check, example.program, example.tape)
    shown = violation.exhibit
    assert [d.number for d in shown.decisions] == list(near.changed) and len(near.changed) == distance
    assert all(decision.failing != decision.passing for decision in shown.decisions)
    full = [*example.tape, *[0] * (len(near.tape) - len(example.tape))]
    assert [n for n, choice in enumerate(near.tape) if choice != full[n]] == list(near.changed)
    passing = target.play(example.program, near.tape)
    assert tuple(name for name in CHECKS if CHECKS[name](passing).violations) == shown.still_broken == near.broken
    assert check not in near.broken
    assert CHECKS[check](target.play(example.program, example.tape)).violations


def test_no_run_that_differs_in_fewer_decisions_passes():
    example = read(first("welcome_first", "golden_path").replay)
    target = open_target(f"{ZOO / 'welcome_first'}.py:create", names=example.names)
    near = nearest(target, "golden_path", example.program, example.tape)
    assert near.within == len(near.changed) - 1 == 1
    witness, _ = witnessed(target, example.program, example.tape)
    chosen = [seen.choice for seen in witness.decisions]
    others = [
        (*chosen[:number], choice, *chosen[number + 1 :])
        for number, seen in enumerate(witness.decisions)
        for choice in range(len(seen.open) + seen.can_hold + 1)
        if choice != chosen[number]
    ]
    assert 0 < len(others) < near.tried
    assert all(CHECKS["golden_path"](target.play(example.program, tape)).violations for tape in others)


def test_the_search_ends_alike_whatever_the_machine(monkeypatch):
    example = read(first("welcome_first", "golden_path").replay)
    target = open_target(f"{ZOO / 'welcome_first'}.py:create", names=example.names)
    once, again = (nearest(target, "golden_path", example.program, example.tape) for _ in range(2))
    assert once == again
    monkeypatch.setattr("crosstalk.exhibit.DECISIONS", 20)
    short = nearest(target, "golden_path", example.program, example.tape)
    assert short.tape is None and 0 < short.tried < once.tried and short.within < once.within + 1


def test_a_broadcaster_that_keeps_the_thread_is_not_waited_for_again_and_again():
    example = read(first("welcome_first", "golden_path").replay)
    target = open_target(f"{ZOO / 'welcome_first'}.py:create", names=example.names)
    played = []

    class Stubborn:
        @staticmethod
        def run(program, strategy):
            history, tape = target.run(program, strategy)
            played.append(tape)
            if len(played) == 3:
                history.crashes.append("kept the thread for 3 s without awaiting")
            return history, tape

    near = nearest(Stubborn, "golden_path", example.program, example.tape)
    assert len(played) == 3 and (near.tried, near.within, near.tape) == (2, 0, None)


@pytest.mark.parametrize(
    ("tried", "within", "words"),
    [
        (0, 3, "The schedule has no choice here: what the users do is enough."),
        (
            76,
            3,
            "None of 76 other schedules of the same program that were tried keeps the rule; all that take at most",
        ),
        (150, 0, "tried keeps the rule; there are more that take one decision otherwise"),
        (0, 0, ""),
    ],
)
def test_where_none_passes_it_is_said_how_far_was_looked(tried, within, words):
    said = none_passes(Exhibit(Scene(("alice",)), tried=tried, within=within))
    assert words in said and bool(words) == bool(said)


def test_a_leak_that_no_schedule_prevents_says_so():
    shown = first("last_device_only", "delivery").exhibit
    assert shown.decisions == () and shown.passing is None and shown.within == 3
    assert none_passes(shown)


def test_what_does_not_fail_has_no_exhibit():
    example = read(first("everybody_when_absent", "isolation").replay)
    right = open_target("crosstalk.reference.hub:Hub")
    assert exhibit(right, example.check, example.cause, example.program, example.tape) is None


@pytest.mark.parametrize(
    ("member", "kind"), [("newest_first", "arrival"), ("last_device_only", "missing"), ("optimistic_round", "arrival")]
)
def test_a_run_that_left_the_golden_path_shows_the_event_that_was_late_or_missing(member, kind):
    violation = first(member, "golden_path")
    scene = violation.exhibit.scene
    assert scene.culprit.kind == kind
    device = scene.connections[scene.culprit.connection]
    assert scene.users[device.user] in violation.users
    got = [e for a in scene.arrivals if a.connection == scene.culprit.connection and a.ending == "ok" for e in a.events]
    if kind == "missing":
        assert scene.acts[scene.culprit.number].event not in got
    else:
        (late,) = scene.arrivals[scene.culprit.number].events
        assert any(earlier > late for earlier in got[: got.index(late)]) or got.count(late) > 1


def test_watching_changes_nothing_of_the_run():
    example = read(first("held_current_user", "isolation").replay)
    target = open_target(f"{ZOO / 'held_current_user'}.py:create")
    plain = target.play(example.program, example.tape)
    witness, watched = witnessed(target, example.program, example.tape)
    assert watched == plain
    assert set(witness.places) == set(range(len(plain.send_start)))


def test_a_scene_of_a_crowd_stays_small_and_keeps_the_culprit():
    import random

    import msgspec

    from crosstalk.scenarios.program import draw
    from crosstalk.schedule.strategies.plain import Plain

    target = open_target(f"{ZOO / 'everybody_when_absent'}.py:create")
    program = draw(random.Random(3), "wide")
    history, tape = target.run(program, Plain())
    violation = CHECKS["isolation"](history).violations[-1]
    scene: Scene = exhibit(target, "isolation", violation.cause, program, tape).scene
    assert scene.left_out > 0
    assert scene.arrivals[scene.culprit.number].owner >= 0
    assert len(msgspec.json.encode(scene)) < 300_000


def test_where_garbage_is_collected_in_each_run_the_search_is_short(monkeypatch):
    """A collection goes through all that a target keeps of the runs before, and may take longer than the run."""
    target = open_target("crosstalk.reference.hub:Hub")

    class AlwaysLeavesTasks:
        @staticmethod
        def run(program, strategy):
            history, tape = target.run(program, strategy)
            history.leftover_tasks = ("read",) * 9
            return history, tape

    monkeypatch.setattr("crosstalk.exhibit.DECISIONS", 3 * COLLECTION)
    assert nearest(AlwaysLeavesTasks, "cleanup", departures((8,)), ()).tried == 3
