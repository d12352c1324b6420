"""What a frame is laid to, and what the checks make of small rounds: cases that break them, and that nearly do."""

import gc
import json
import sys
import tracemalloc

import pytest

from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.checks.live.success import failed, put_off, tried
from crosstalk.live_tally import Demands, Tally
from crosstalk.model.bound import upper_bound as bound
from crosstalk.model.golden_path import Grammar
from crosstalk.model.live_history import (
    CANARY,
    ENVELOPE,
    NEVER,
    NO_BASIS,
    NOT_STARTED,
    RUN,
    STARTED,
    THREAD,
    UNANSWERED,
    LiveHistory,
)
from crosstalk.model.live_records import histories
from crosstalk.scenarios.live.journal import Journal, records
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.live.record import Recorder
from crosstalk.targets.reading import Pointers, reader

WHOLE = ("agent_started", "agent_thinking", "agent_completed")
KEY = b"another key of16"


class Round:
    """Alice on devices 0 and 1, Bob on one; each has asked for a run on the first."""

    def __init__(self, journal=None, redact=str, **pointers):
        self.known = Known(KEY, ("alice", "bob"))
        self.history = LiveHistory(("alice", "bob"), 3)
        self.recorder = Recorder(self.known, reader(Pointers(**pointers)), self.history, journal, redact)
        self.told = []
        for number, (user, device) in enumerate(((0, 0), (0, 1), (1, 0))):
            self.recorder.apply("connecting", user, device, 0.0)
            self.recorder.apply("connected", number, 0.1)
        self.time = 2.0
        for user, episode in ((0, 0), (1, 2)):
            self.ask(user, episode)

    def ask(self, user, episode):
        run = len(self.history.runs)
        canary = self.known.canary(3, user, 1, run)
        self.told.append((canary, self.known.run_id(canary, user, 3, run), self.known.thread_id(user, 0)))
        self.recorder.apply("run", user, 1 + run // 2, episode, self.time)
        self.recorder.apply("asked", run, self.time, STARTED, "")

    def frame(self, episode, type_, **fields):
        self.time += 0.1
        self.recorder.receive(episode, self.time, json.dumps({"type": type_, **fields}).encode())

    def run(self, run, *episodes, types=WHOLE):
        for type_ in types:
            for episode in episodes:
                self.frame(episode, type_, run_id=self.told[run][1], text=self.told[run][0])

    def end(self):
        self.recorder.settle()
        for episode in range(3):
            self.recorder.apply("answered", episode)
        self.recorder.apply("quiet", self.time + 1)
        return self.history

    def broken(self):
        return {name for name, check in LIVE_CHECKS.items() if check(self.end()).violations}

    @property
    def last(self):
        h = self.history
        return h.at_owner[-1], h.at_basis[-1], h.at_run[-1]


def another_device(round_, user, device, connected):
    """A further connection of `user`, open since `connected` and healthy; its number."""
    round_.recorder.apply("connecting", user, device, connected)
    number = len(round_.history.episodes) - 1
    round_.recorder.apply("connected", number, connected)
    return number


def test_a_run_without_ids_is_told_on_a_device_that_lags_behind():
    """Only threads tell whose the events are; device 1 gets the last one when the run is complete on device 0."""
    round_ = Round()
    for type_ in WHOLE:
        for episode in (0, 1):
            round_.frame(episode, type_, thread_id=round_.told[0][2])
    round_.run(1, 2)
    assert round_.broken() == set()
    assert list(round_.history.at_run)[:6] == [0] * 6 and not round_.history.unclear
    round_.ask(0, 0)
    round_.ask(0, 1)
    round_.frame(1, "agent_started", thread_id=round_.told[0][2])
    assert round_.last[2] == -1 and round_.history.unclear == {0}


def anonymous(round_, episode, *types):
    for type_ in types or WHOLE:
        round_.frame(episode, type_)


def test_events_that_tell_nothing_are_of_the_only_run_under_way_on_the_connection():
    round_ = Round()
    anonymous(round_, 0)
    round_.ask(0, 0)
    anonymous(round_, 0)
    anonymous(round_, 2)
    assert round_.broken() == set() and not round_.history.unclear
    assert list(round_.history.at_run) == [0] * 3 + [2] * 3 + [1] * 3
    assert {*round_.history.at_owner} == {-1}, "whose they are is told by nothing all the same"


def test_one_event_too_many_that_tells_nothing_is_out_of_order():
    round_ = Round()
    anonymous(round_, 0, *WHOLE, "agent_thinking")
    anonymous(round_, 2)
    assert round_.broken() == {"golden_path"}


@pytest.mark.parametrize(
    "before",
    [
        lambda round_: round_.ask(0, 0),
        lambda round_: round_.ask(0, 1),
        lambda round_: round_.known.unfinished.add(0),
        lambda round_: round_.frame(0, "agent_started", run_id=round_.told[0][1]),
        lambda round_: anonymous(round_, 1),
    ],
    ids=["two runs at a time", "two devices", "one of an earlier round", "others tell theirs", "on another device"],
)
def test_events_that_tell_nothing_and_may_be_of_several_runs_are_of_none(before):
    round_ = Round()
    before(round_)
    anonymous(round_, 0, "agent_started")
    round_.run(1, 2)
    assert 0 in round_.history.unclear
    assert round_.broken() == set()


def test_a_type_that_turns_out_to_tell_its_run_was_taken_wrongly():
    round_ = Round()
    anonymous(round_, 0, "agent_started", "agent_thinking", "agent_thinking")
    round_.run(0, 0, types=("agent_thinking",))
    assert round_.history.unclear == {0}


def test_a_canary_that_is_streamed_in_pieces_is_put_together():
    round_ = Round(text=("/delta",))
    hers = round_.told[0][0]
    for at in range(0, len(hers), 5):
        for run, said in (("r1", hers), ("r2", round_.told[1][0])):
            round_.frame(0, "delta", run_id=run, delta=f"{said[at : at + 5]}")
        assert round_.last[0] == (1 if at + 5 >= len(hers) else -1)
    assert list(round_.history.at_owner)[-2:] == [0, 1] and round_.broken() >= {"isolation"}


def test_a_canary_that_is_streamed_whole_is_one():
    round_ = Round(text=("/delta",))
    round_.frame(0, "delta", delta=f"said {round_.told[0][0]}")
    assert round_.last == (0, CANARY, 0)


@pytest.mark.parametrize("answered", [True, False])
def test_where_nothing_ever_came_of_a_run_the_options_are_asked_after(answered):
    round_ = Round()
    round_.frame(0, "welcome")
    if answered:
        round_.run(0, 0)
    tally = Tally(Demands("a system"), str, lambda: 1.0, ("alice", "bob"))
    tally.take(round_.end())
    assert any("does --hello say what comes before" in note for note in tally.verdict().notes) is not answered


def test_what_the_server_declines_need_not_arrive():
    round_ = Round()
    round_.ask(0, 0)
    round_.frame(0, "error", message="rate limit exceeded")
    round_.run(0, 0, 1)
    round_.run(1, 2)
    assert round_.broken() == set()
    last = round_.history.runs[2]
    assert (last.status, last.why) == (NOT_STARTED, "the server declined it: rate limit")
    assert (sum(tried(round_.history)[1].values()), put_off(round_.history)) == (0, 1)


def test_it_is_another_run_that_was_declined_if_events_of_this_one_come():
    round_ = Round()
    round_.ask(0, 0)
    round_.frame(0, "agent_error", message="no")
    round_.run(2, 0, 1)
    round_.run(1, 2)
    assert round_.broken() == set()
    assert tried(round_.history)[1] == {"a run could not be started: the server declined it: agent_error": 1}
    assert [run.status for run in round_.history.runs] == [NOT_STARTED, STARTED, STARTED]


def test_a_run_that_has_begun_is_not_declined():
    round_ = Round()
    round_.run(0, 0, 1, types=WHOLE[:1])
    round_.frame(0, "error", message="try again")
    round_.run(1, 2)
    assert round_.broken() == {"golden_path"}


def test_a_round_in_which_all_is_well():
    round_ = Round()
    round_.run(0, 0, 1)
    round_.run(1, 2)
    assert round_.broken() == set()
    counts = {
        name: LIVE_CHECKS[name](round_.history).opportunities for name in ("isolation", "golden_path", "delivery")
    }
    assert counts == {"isolation": 9, "golden_path": 2, "delivery": 3}


def test_each_basis_in_turn():
    round_ = Round()
    canary, run_id, thread = round_.told[0]
    round_.frame(0, "agent_started", text=f"about {canary}")
    assert round_.last == (0, CANARY, 0)
    round_.frame(0, "agent_started", run_id=run_id)
    assert round_.last == (0, RUN, 0)
    round_.frame(0, "agent_started", thread_id=thread)
    assert round_.last == (0, THREAD, 0), "the only run under way"
    round_.frame(0, "agent_started", user_id="alice")
    assert round_.last == (0, ENVELOPE, 0)
    round_.frame(0, "presence", user_id="bob")
    assert round_.last == (-1, NO_BASIS, -1), "that bob is there may be known to alice"
    round_.frame(0, "agent_started")
    assert round_.last[:2] == (-1, NO_BASIS)


@pytest.mark.parametrize(
    "leak",
    [
        lambda r: {"text": r.told[1][0]},
        lambda r: {"text": r.told[1][0].upper()},
        lambda r: {"deep": [{"in": json.dumps({"a": r.told[1][0]})}], "run_id": r.told[0][1], "more": r.told[0][0]},
        lambda r: {"run_id": r.told[1][1]},
        lambda r: {"run_id": r.told[1][1], "text": r.told[0][0]},
        lambda r: {"thread_id": r.told[1][2]},
        lambda r: {"user_id": "bob"},
    ],
    ids=["canary", "another case", "deep inside her own", "run id", "run id beside her canary", "thread", "envelope"],
)
def test_what_is_bobs_and_comes_to_alice_is_a_leak(leak):
    round_ = Round()
    round_.run(0, 0, 1)
    round_.run(1, 2)
    round_.frame(1, "agent_thinking", **leak(round_))
    assert "isolation" in round_.broken()
    (violation,) = LIVE_CHECKS["isolation"](round_.history).violations
    assert violation.users == ("bob", "alice")
    assert violation.send == round_.history.deliveries - 1
    assert violation.send in round_.history.excerpts


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "ctk_" + "0" * 44},
        {"user_id": "carol"},
        {"run_id": "9c5b94b1-35ad-49bb-b118-8e8fc24abf80"},
        {"thread_id": "general"},
    ],
    ids=["canary of another key", "somebody unknown", "an unknown run", "an unknown thread"],
)
def test_what_cannot_be_traced_accuses_nobody(fields):
    round_ = Round()
    round_.run(0, 0, 1)
    round_.run(1, 2)
    round_.frame(0, "agent_summary", **fields)
    assert round_.broken() == set()


def test_an_envelope_that_names_another_is_ownership_and_no_leak():
    round_ = Round()
    round_.run(0, 0, 1)
    round_.run(1, 2)
    round_.frame(0, "agent_summary", text=round_.told[0][0], user_id="bob")
    assert round_.broken() == {"ownership"}


@pytest.mark.parametrize(
    ("types", "broken"),
    [
        (WHOLE[:2], {"golden_path"}),
        (WHOLE[1:], {"golden_path"}),
        ((*WHOLE, "agent_completed"), {"golden_path"}),
        (("agent_started", "agent_thinking", "tool_completed", "agent_completed"), {"golden_path"}),
        ((), {"golden_path"}),
        (("agent_started", "ping", "agent_thinking", "partial_result", "agent_completed"), set()),
    ],
)
def test_golden_path_on_the_connection_that_asked(types, broken):
    round_ = Round()
    round_.run(0, 0, 1, types=types)
    round_.run(1, 2)
    assert round_.broken() == broken


def test_a_run_whose_connection_was_lost_or_reset_is_owed_nothing():
    round_ = Round()
    round_.run(0, 0, 1, types=WHOLE[:1])
    round_.run(1, 2)
    round_.recorder.apply("excused", 0, round_.time, "it was reset by its user")
    assert round_.broken() == set()


def test_a_connection_that_left_its_ping_unanswered_proves_nothing():
    round_ = Round()
    round_.run(0, 0, 1, types=WHOLE[:2])
    round_.run(1, 2)
    round_.end()
    round_.history.episodes[0].answered = False
    assert LIVE_CHECKS["golden_path"](round_.history).violations == []


def test_a_device_that_lacks_an_event_another_has():
    round_ = Round()
    round_.run(0, 0)
    round_.run(0, 1, types=WHOLE[:2])
    round_.run(1, 2)
    assert round_.broken() == {"delivery"}
    (violation,) = LIVE_CHECKS["delivery"](round_.history).violations
    assert "device 1 of 'alice' lacks 1 of 3 events of run 1 (agent_completed)" in violation.message


def test_a_device_that_came_just_before_the_run_is_owed_nothing():
    """The server need not have taken note of it: its handshake was over, and nothing had been heard of it."""
    round_ = Round()
    round_.history.episodes[1].connected = 1.9
    round_.run(0, 0)
    round_.run(0, 1, types=WHOLE[1:])
    round_.run(1, 2)
    assert round_.broken() == set()


def test_a_device_that_was_noted_late_is_owed_nothing_before():
    """A server may greet a connection at once, and subscribe it to its user's events seconds later."""
    round_ = Round()
    round_.frame(1, "connection_established")
    round_.run(0, 0)
    round_.run(0, 1, types=WHOLE[1:])
    round_.run(1, 2)
    assert round_.broken() == set()
    round_.ask(0, 0)
    round_.run(2, 0)
    assert round_.broken() == {"delivery"}, "by now the server knows it"


def test_a_run_by_http_is_owed_to_nobody_when_its_user_has_left():
    round_ = Round()
    for run in round_.history.runs:
        run.episode = -1
    round_.run(1, 2)
    for episode in (0, 1):
        round_.recorder.apply("leaving", episode, 2.05)
    round_.end()
    assert tried(round_.history)[1] == {}


def one_who_does_not_read(usual=0.5, waited=6.0, complete_after=0.1, by_http=False):
    """Bob asks and does not read; Alice asks meanwhile, and her run is complete only after he has read on."""
    round_ = Round()
    alice, bob = round_.history.runs
    bob.completed = bob.started + usual
    round_.ask(1, 2)
    if by_http:
        for run in round_.history.runs:
            run.episode = -1
    held = bob.completed + 0.1
    round_.recorder.apply("excused", 2, held, "its user didn't read for a while")
    round_.recorder.apply("held", 2, held, 5.0)
    alice.started = held + 0.1
    round_.time = alice.started + waited
    round_.recorder.apply("released", 2, round_.time)
    alice.completed = round_.time + complete_after
    round_.run(0, 0, 1)
    return round_


@pytest.mark.parametrize("by_http", [False, True])
@pytest.mark.parametrize(
    ("usual", "waited", "complete_after", "broken"),
    [
        (0.5, 6.0, 0.1, True),
        (0.5, 6.0, -1.0, False),  # complete while the other still did not read
        (0.5, 3.0, 0.1, False),  # it had not had its 5 seconds
        (1.3, 6.0, 0.1, False),  # the other's two runs, twice over, take as long
    ],
)
def test_a_run_that_is_complete_only_when_another_user_reads_on(usual, waited, complete_after, broken, by_http):
    round_ = one_who_does_not_read(usual, waited, complete_after, by_http)
    round_.frame(2, "agent_thinking")
    result = LIVE_CHECKS["blocking"](round_.end())
    assert bool(result.violations) == broken
    assert result.opportunities == (usual < 1)
    if broken:
        (violation,) = result.violations
        assert f"a run of 'alice' waited {waited} s while 'bob' did not read" in violation.message


def change(number, **fields):
    """One run of the round, changed."""

    def changed(round_):
        for name, value in fields.items():
            setattr(round_.history.runs[number], name, value)

    return changed


def never_read_on(round_):
    round_.history.episodes[2].released = round_.history.episodes[2].left = NEVER


def her_connections_lost(round_):
    change(0, episode=-1)(round_)
    for episode in (0, 1):
        round_.recorder.apply("excused", episode, 3.0, "lost")


@pytest.mark.parametrize(
    "other",
    [
        change(0, user=1, episode=-1),  # the reader's own
        change(0, started=2.1),  # asked for before he ceased to read
        change(0, started=8.9),  # asked for when he read on
        change(1, completed=NEVER),  # how long a run of his takes is not known
        never_read_on,
        her_connections_lost,
    ],
)
def test_what_says_nothing_of_one_who_does_not_read(other):
    round_ = one_who_does_not_read()
    other(round_)
    round_.frame(2, "agent_thinking")
    result = LIVE_CHECKS["blocking"](round_.end())
    assert (result.opportunities, result.violations) == (0, [])


def test_a_run_that_never_was_complete_is_not_laid_to_one_who_does_not_read():
    round_ = one_who_does_not_read()
    change(0, completed=NEVER)(round_)
    round_.frame(2, "agent_thinking")
    result = LIVE_CHECKS["blocking"](round_.end())
    assert (result.opportunities, result.violations) == (1, [])


def test_whoever_had_nothing_to_read_could_hold_up_nobody():
    round_ = one_who_does_not_read(complete_after=-1.0)
    round_.history.at_time[-1] = 3.0  # something came to another before, and to others after
    result = LIVE_CHECKS["blocking"](round_.end())
    assert (result.opportunities, result.violations) == (0, [])


def test_only_runs_that_he_has_to_read_there_count_as_his():
    """What he asked for on another connection does not wait for him here."""
    round_ = one_who_does_not_read()
    other = another_device(round_, 1, 1, 0.2)
    for _ in range(20):
        round_.ask(1, other)
    round_.frame(2, "agent_thinking")
    assert LIVE_CHECKS["blocking"](round_.end()).violations


def test_a_receipt_for_who_asked_is_owed_to_nobody_else():
    round_ = Round()
    round_.frame(0, "run_accepted", run_id=round_.told[0][1])
    round_.run(0, 0, 1)
    round_.run(1, 2)
    assert round_.broken() == set()


def test_a_system_that_answers_only_who_asked_lacks_nothing():
    round_ = Round()
    round_.run(0, 0)
    round_.run(1, 2)
    assert round_.broken() == set()
    assert LIVE_CHECKS["delivery"](round_.history).opportunities == 0


def test_sequence_numbers_tell_repeats_from_reorderings():
    for numbers, broken in (([1, 2, 3], set()), ([1, 3, 5], set()), ([1, 2, 2], {"duplicate"}), ([1, 3, 2], {"order"})):
        round_ = Round(sequence=("/seq",))
        round_.run(1, 2)
        for type_, number in zip(WHOLE, numbers, strict=True):
            round_.frame(0, type_, run_id=round_.told[0][1], seq=number)
        assert round_.broken() == broken, numbers


def test_a_leak_is_said_once_for_a_pair_of_users_and_each_basis():
    round_ = Round()
    round_.run(1, 2)
    for field in ({"text": round_.told[1][0]}, {"run_id": round_.told[1][1]}):
        round_.frame(0, "agent_thinking", **field)
        round_.frame(1, "agent_thinking", **field)
    round_.recorder.receive(2, round_.time, json.dumps({"text": round_.told[0][0]}).encode())
    violations = LIVE_CHECKS["isolation"](round_.end()).violations
    assert [(v.users, v.cause) for v in violations] == [
        (("bob", "alice"), "leak"),
        (("bob", "alice"), "leak by run id"),
        (("alice", "bob"), "leak"),
    ]
    assert "was sent agent_thinking, which belongs to 'bob' by its canary" in violations[0].message
    assert "was sent a frame, which belongs to 'alice' by its canary" in violations[2].message


def test_only_what_is_ones_own_by_more_than_the_envelope_can_be_misnamed():
    round_ = Round()
    mine, bobs = round_.told[0][0], round_.told[1][0]
    round_.frame(0, "agent_summary", text=mine, user_id="alice")  # the one opportunity
    round_.frame(0, "agent_summary", text=mine)
    round_.frame(0, "agent_summary", user_id="alice")
    round_.frame(0, "agent_thinking", text=bobs, user_id="bob")
    result = LIVE_CHECKS["ownership"](round_.end())
    assert (result.opportunities, result.violations) == (1, [])
    round_.frame(0, "agent_summary", text=mine, user_id="bob")
    result = LIVE_CHECKS["ownership"](round_.end())
    assert (result.opportunities, len(result.violations)) == (2, 1)


def test_events_are_counted_for_every_further_device():
    round_ = Round()
    third = another_device(round_, 0, 2, 0.2)
    round_.run(0, 0, 1, third)
    round_.end()
    round_.recorder.apply("answered", third)
    result = LIVE_CHECKS["delivery"](round_.history)
    assert (result.opportunities, result.violations) == (6, [])


@pytest.mark.parametrize(("connected", "broken"), [(0.5, {"delivery"}), (1.9, set())])
def test_a_silent_device_is_owed_what_came_to_another_once_it_must_have_been_noted(connected, broken):
    round_ = Round()
    silent = another_device(round_, 1, 1, connected)
    round_.run(0, 0, 1)
    round_.run(1, 2)
    round_.end()
    round_.recorder.apply("answered", silent)
    assert round_.broken() == broken


@pytest.mark.parametrize(
    ("grammar", "whole", "broken"),
    [
        ("agent_started agent_thinking+ agent_completed", WHOLE, {"delivery"}),
        (
            "token+ done",
            ("token", "token", "done"),
            set(),
        ),  # the first token that came need not be the first that was sent
    ],
)
def test_a_device_that_saw_a_run_begin_is_owed_the_rest(grammar, whole, broken):
    round_ = Round()
    round_.history.grammar = Grammar.parse(grammar)
    round_.history.episodes[1].connected = 1.9
    round_.run(0, 0, types=whole)
    round_.run(0, 1, types=whole[:1])
    round_.run(1, 2, types=whole)
    assert round_.broken() == broken


def test_nothing_of_a_user_is_judged_whose_frames_could_not_be_told_apart():
    round_ = Round()
    round_.run(0, 0, 1, types=WHOLE[:2])
    round_.run(1, 2)
    round_.history.unclear.add(0)
    assert round_.broken() == set()


@pytest.mark.parametrize("by_http", [False, True])
def test_a_run_by_http_is_to_be_whole_on_every_device(by_http):
    round_ = Round()
    round_.run(0, 0)
    round_.run(0, 1, types=WHOLE[:2])
    round_.run(1, 2)
    if by_http:
        for run in round_.history.runs:
            run.episode = -1
    result = LIVE_CHECKS["golden_path"](round_.end())
    assert [(v.episode, v.cause) for v in result.violations] == ([(1, "incomplete")] if by_http else [])
    assert result.opportunities == (3 if by_http else 2)


def test_the_grammars_message_shows_what_came_and_only_of_a_short_one_how_long_was_waited():
    for types, shown, waited in (
        (("agent_started", "ping", "agent_completed"), "agent_started, agent_completed", False),
        (("agent_started", "ping"), "agent_started", True),
        ((), "nothing", True),
    ):
        round_ = Round()
        round_.run(0, 0, 1, types=types)
        round_.run(1, 2)
        (violation,) = LIVE_CHECKS["golden_path"](round_.end()).violations
        assert violation.message.startswith(f"run 1 of 'alice' arrived as: {shown}; ")
        seconds = round_.history.final_quiet - 2.0
        assert (f", in {seconds:.1f} s on a connection that was healthy" in violation.message) == waited


def test_the_numbers_of_each_run_and_connection_stand_by_themselves():
    round_ = Round(sequence=("/seq",))
    run_id = round_.told[0][1]
    bobs = round_.told[1][1]
    for episode, run, number in ((0, run_id, 5), (1, run_id, 4), (0, run_id, 6), (1, run_id, 7), (2, bobs, 1)):
        round_.frame(episode, "agent_thinking", run_id=run, seq=number)
    round_.frame(0, "agent_thinking", run_id=bobs, seq=1)  # a leak, and no repeat of what Alice was sent
    round_.frame(0, "agent_thinking", run_id=bobs, seq=0)
    round_.frame(2, "agent_thinking", text=round_.known.canary(2, 1, 1, 0), seq=0)  # of an earlier round
    history = round_.end()
    for name in ("duplicate", "order"):
        result = LIVE_CHECKS[name](history)
        assert (result.opportunities, result.violations) == (2, []), name


def test_a_number_is_compared_with_the_highest_before_it():
    round_ = Round(sequence=("/seq",))
    for number in (1, 5, 2, 3, 5):
        round_.frame(0, "agent_thinking", run_id=round_.told[0][1], seq=number)
    history = round_.end()
    assert [v.send for v in LIVE_CHECKS["order"](history).violations] == [2, 3]
    assert [v.send for v in LIVE_CHECKS["duplicate"](history).violations] == [4]


def test_an_id_of_the_servers_is_learned_and_traced_backwards():
    round_ = Round()
    made = "7d3f0f2e-8d55-4c43-9fcd-5d1f6cb0a4f1"
    round_.frame(2, "agent_started", run_id=made)
    round_.frame(0, "agent_started", run_id=made)
    assert round_.last == (-1, NO_BASIS, -1), "whose it is, is not known yet"
    round_.frame(2, "agent_thinking", run_id=made, text=round_.told[1][0])
    assert round_.history.at_owner[0] == 1 and round_.history.at_run[0] == 1
    assert "isolation" in round_.broken(), "alice was sent an event of bob's run"


def test_an_id_that_two_users_are_given_blames_nobody():
    round_ = Round()
    room = "7d3f0f2e-8d55-4c43-9fcd-5d1f6cb0a4f1"
    round_.frame(2, "agent_thinking", run_id=room, text=round_.told[1][0])
    round_.frame(0, "agent_started", run_id=room)
    round_.frame(0, "agent_thinking", run_id=room, text=round_.told[0][0])
    assert LIVE_CHECKS["isolation"](round_.end()).violations == []


def test_what_a_server_with_a_memory_shows_again_of_earlier_rounds_is_no_part_of_this_one():
    round_ = Round()
    earlier = round_.known.canary(2, 0, 1, 0)
    round_.frame(0, "agent_completed", text=earlier)
    assert round_.last == (0, CANARY, -1)
    round_.run(0, 0, 1)
    round_.run(1, 2)
    assert round_.broken() == set()


def test_failures_are_counted_by_reason():
    round_ = Round()
    round_.run(0, 0, 1)
    round_.recorder.apply("connecting", 1, 1, 2.0)
    round_.recorder.apply("failed", 3, 2.1, "nobody listens there")
    attempts, failures = tried(round_.end())
    assert failures == {"could not connect: nobody listens there": 1, "a run was not completed": 1}
    assert attempts == 4 + 3 + 2
    assert failed(round_.history)[1] == [
        ("could not connect: nobody listens there", 1, 2.1),
        ("a run was not completed", 1, round_.history.runs[1].started),
    ]


@pytest.mark.parametrize("late", [0.0, 7.0])
def test_what_failed_by_time_alone_is_no_failure_where_the_client_stood_still(late):
    round_ = Round()
    round_.run(1, 2)
    for why in ("no answer within 10 s", "refused"):
        round_.recorder.apply("connecting", 1, 1, 2.0)
        round_.recorder.apply("failed", len(round_.history.episodes) - 1, 2.1, why)
    for why in ("not asked for in time", "too many requests", "the call failed"):
        round_.ask(1, 2)
        round_.recorder.apply("asked", len(round_.history.runs) - 1, round_.time, NOT_STARTED, why)
    another_device(round_, 1, 2, 0.2)
    history = round_.end()
    round_.recorder.apply("excused", 5, 9.0, UNANSWERED)
    history.runs[0].completed = NEVER
    history.runs[1].completed = round_.time
    history.late = late
    attempts, failures = tried(history)
    by_time = {
        "could not connect: no answer within 10 s",
        "a run could not be started: not asked for in time",
        "a run was not completed",
        "a connection left a ping unanswered",
    }
    always = {"could not connect: refused", "a run could not be started: the call failed"}
    assert failures == dict.fromkeys(always if late else always | by_time, 1)
    assert attempts == 6 + 4 + 2 + (1 if late else 2)


def test_a_lost_connection_is_a_failure_unless_its_user_or_the_servers_patience_ended_it():
    round_ = Round()
    round_.recorder.apply("excused", 1, 3.0, "its user reset it")
    for number, why in enumerate(("it was reset", "it was reset", "too many messages")):
        round_.recorder.apply("left", number, 5.0, "network", why)
    for run in round_.history.runs:
        run.status = NOT_STARTED
    assert tried(round_.history) == (6, {"a connection was lost: it was reset": 1})


def test_a_secret_that_a_server_sends_as_a_type_is_not_written_down(tmp_path):
    with Journal(tmp_path / "j", "here") as journal:
        round_ = Round(journal, redact=lambda text: text.replace("s3cret", "[redacted]"))
        round_.run(0, 0, types=("token s3cret",))
    assert round_.history.types[-1] == "token [redacted]"
    assert b"token [redacted]" in (tmp_path / "j").read_bytes()
    assert b"s3cret" not in (tmp_path / "j").read_bytes()


def test_the_journal_holds_the_same_history(tmp_path):
    with Journal(tmp_path / "j", "here") as journal:
        round_ = Round(journal)
        made = "7d3f0f2e-8d55-4c43-9fcd-5d1f6cb0a4f1"
        round_.frame(2, "agent_started", run_id=made)
        round_.run(0, 0, 1)
        round_.frame(2, "agent_thinking", run_id=made, text=round_.told[1][0])
        round_.frame(0, "agent_thinking", text=round_.told[1][0])
        round_.recorder.receive(0, 5.0, b"garbage")
        round_.recorder.apply("left", 2, 5.1, "network", "it was reset")
        written = round_.end()
    (read,) = histories(records(tmp_path / "j"))
    assert read == written
    for name, check in LIVE_CHECKS.items():
        assert check(read) == check(written), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is no journal"),
        (b"[]\n", "is no journal"),
        (b'["crosstalk-live",99,"t"]\n', "another version"),
        (b'["crosstalk-live",1,"t"]\nnonsense\n["quiet",1]\n', "line 2 of .* is damaged"),
        (b'["crosstalk-live",1,"t"]\n["quiet",1]\n', "is no record of a live run"),
    ],
)
def test_a_damaged_journal_is_said_to_be_damaged(text, words, tmp_path):
    (tmp_path / "j").write_bytes(text)
    with pytest.raises(ValueError, match=words):
        list(histories(records(tmp_path / "j")))


def test_a_delivery_takes_at_most_64_bytes():
    round_ = Round()
    frames = [json.dumps({"type": t, "run_id": round_.told[0][1], "text": round_.told[0][0]}).encode() for t in WHOLE]
    for number in range(30_000):
        round_.recorder.receive(0, 2.0 + number / 1e3, frames[number % 3])
    history = round_.history
    columns = [getattr(history, name) for name in history.__dataclass_fields__ if name.startswith("at_")]
    assert sum(map(sys.getsizeof, columns)) / history.deliveries < 64


def test_the_bound_is_the_exact_binomial_one():
    assert bound(0) == 1.0
    for count in (1, 10, 1_000):
        assert (1 - bound(count)) ** count == pytest.approx(0.05)
    assert bound(10_000) == pytest.approx(3 / 10_000, rel=0.01)


def test_what_was_told_in_a_round_is_forgotten_some_rounds_later():
    known = Known(KEY, ("alice", "bob"))
    taken = []
    tracemalloc.start()
    try:
        for round_ in range(12):
            known.forget(round_)
            for run in range(500):
                token = known.canary(round_, run % 2, run, run)
                known.run_id(token, run % 2, round_, run)
                assert known.proven(token.encode()) == (run % 2, round_, run)
            gc.collect()
            taken.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(taken[6:]) - taken[5] < 20_000  # bytes; what a round tells takes many times as much
