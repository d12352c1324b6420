"""Each check against histories that break it and histories that nearly do, made by hand."""

import pytest

from crosstalk.checks import CHECKS
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import (
    ACCEPTED,
    CANCELLED,
    FAILED,
    NEVER,
    PENDING,
    Call,
    Content,
    Count,
    Episode,
    Frame,
    History,
)


def world(*owners: int) -> History:
    """Two users, one connection each, opened at 1 and 2; one content and frame per owner given."""
    history = History(("alice", "bob"))
    for user in (0, 1):
        history.episodes.append(Episode(user, user, f"device {user}", 0, connected=user + 1))
    for number, owner in enumerate(owners):
        history.contents.append(Content(frozenset({owner}), 0, "partial_result", f"t{number}", publishes=1))
        history.frames.append(Frame(number))
    history.final_quiet = 1_000
    return history


def publish(history: History, content: int, started: int, returned: int) -> None:
    user = min(history.contents[content].users)
    history.calls.append(Call("publish", user, started, content=content, returned=returned, status=ACCEPTED))


def send(history: History, episode: int, frame: int, start: int) -> None:
    for column, value in (
        (history.send_episode, episode),
        (history.send_frame, frame),
        (history.send_start, start),
        (history.send_end, start + 1),
        (history.send_status, ACCEPTED),
    ):
        column.append(value)


def broken(history: History) -> set[str]:
    return {name for name, check in CHECKS.items() if check(history).violations}


def test_a_right_history_breaks_nothing():
    history = world(0, 1)
    publish(history, 0, 10, 20)
    send(history, 0, 0, 12)
    publish(history, 1, 30, 40)
    send(history, 1, 1, 32)
    assert broken(history) == set()


def test_isolation_sees_a_leak_and_a_quoted_leak():
    history = world(0, 1)
    send(history, 1, 0, 12)
    assert "isolation" in broken(history)
    quoting = world(0, 1)
    quoting.frames[1].others = (0,)
    send(quoting, 1, 1, 12)
    assert "isolation" in broken(quoting)


def test_isolation_takes_twins_for_both_users():
    history = world(0)
    history.contents[0].users = frozenset({0, 1})
    send(history, 1, 0, 12)
    assert "isolation" not in broken(history)


def test_isolation_sees_a_canary_of_another_run():
    history = world(0)
    history.frames.append(Frame(-1, foreign=("ctk_00",)))
    send(history, 0, 1, 12)
    assert "isolation" in broken(history)


def test_ownership():
    history = world(0)
    history.frames[0].owner = "bob"
    send(history, 0, 0, 12)
    assert broken(history) == {"ownership"}
    history.frames[0].owner = "someone unknown"
    assert broken(history) == set()


def test_order_needs_the_earlier_publish_to_have_returned():
    history = world(0, 0)
    publish(history, 0, 10, 20)
    publish(history, 1, 30, 40)
    send(history, 0, 1, 50)
    send(history, 0, 0, 60)
    assert broken(history) == {"order"}
    history.calls[0].returned = 35  # now they overlap, and may swap
    assert broken(history) == set()


def test_order_says_where_the_earlier_event_was_for_an_earlier_log_in():
    history = world(0, 0)
    publish(history, 0, 10, 20)
    history.episodes[0].leaving, history.episodes[0].left = 22, 23
    history.episodes.append(Episode(0, history.episodes[0].socket, "alice/0", 24, 25))
    publish(history, 1, 30, 40)
    send(history, 2, 1, 50)
    send(history, 2, 0, 60)
    (violation,) = CHECKS["order"](history).violations
    assert violation.message.endswith("after a later one, published for an earlier log-in on the same socket")


def test_delivery_is_owed_only_to_the_connected_and_unexcused():
    history = world(0)
    publish(history, 0, 10, 20)
    assert broken(history) == {"delivery"}
    history.episodes[0].excused = 15
    assert broken(history) == set()
    history.episodes[0].excused = NEVER
    history.episodes[0].connected = 11  # connected after the publish began
    assert broken(history) == set()
    history.episodes[0].connected = 1
    history.episodes[0].leaving = 15  # left before the end
    assert broken(history) == set()


def test_duplicate_counts_publishes():
    history = world(0)
    publish(history, 0, 10, 20)
    send(history, 0, 0, 12)
    send(history, 0, 0, 14)
    assert broken(history) == {"duplicate"}
    history.contents[0].publishes = 2
    assert broken(history) == set()


def test_ghost_begins_when_the_disconnect_has_returned():
    history = world(0)
    send(history, 0, 0, 12)
    history.episodes[0].leaving, history.episodes[0].left = 10, 12
    assert broken(history) == set()
    history.episodes[0].left = 11
    assert broken(history) == {"ghost"}


def test_integrity():
    history = world(0)
    send(history, 0, 0, 12)
    assert broken(history) == set()
    history.frames[0].altered = "type"
    assert broken(history) == {"integrity"}


def test_truthful_count_counts_what_was_open_at_any_time():
    history = world(0)
    publish(history, 0, 10, 20)
    send(history, 0, 0, 12)
    history.calls[0].value = 1
    assert broken(history) == set()
    history.calls[0].value = True
    assert broken(history) == set()
    history.calls[0].value = 2
    assert broken(history) == {"truthful_count"}


def test_blocking_judges_the_unstalled_only():
    history = world(0)
    publish(history, 0, 10, 20)
    send(history, 0, 0, 80)  # it arrives only after the world has healed at 50
    history.stalled_quiet = 50
    assert broken(history) == set()
    history.unstalled = frozenset({0})
    assert broken(history) == {"blocking"}
    history.rest = 70  # nor by itself then: only what was published later brought it
    assert broken(history) == {"delivery"}


def test_what_lies_there_until_the_next_event_comes_is_not_delivered():
    history = world(0, 0)
    publish(history, 0, 10, 20)
    history.rest = 25
    publish(history, 1, 30, 40)
    send(history, 0, 0, 32)
    send(history, 0, 1, 34)
    assert broken(history) == {"delivery"}
    history.rest = 33  # it came by itself
    assert broken(history) == set()
    history.rest, history.episodes[0].excused = 25, 28
    assert broken(history) == set()


def test_golden_path_complete_and_in_order():
    types = ("agent_started", "agent_thinking", "agent_completed")
    history = world(0, 0, 0)
    for number, type_ in enumerate(types):
        history.contents[number].run = 1
        history.contents[number].type = history.frames[number].type = type_
        publish(history, number, 10 * number + 10, 10 * number + 15)
        send(history, 0, number, 10 * number + 11)
    assert broken(history) == set()
    history.frames[2].type = "agent_thinking"
    assert broken(history) == {"golden_path"}


def test_crash_excuses_what_was_asked_for():
    history = world(0)
    history.calls.append(Call("publish", 0, 10, content=0, returned=20, status=2, error="KeyError: 'alice'"))
    assert broken(history) == {"crash"}
    history.calls[0].status, history.calls[0].excused = 3, True
    assert broken(history) == set()


def test_cleanup_allows_the_hub_one_worker():
    history = world(0)
    history.complete = True
    history.leftover_tasks = ("Hub._beat",)
    assert broken(history) == set()
    history.leftover_tasks = ("Hub._write", "Hub._write")
    assert broken(history) == {"cleanup"}


def judged(name: str, history: History):
    """How many opportunities there were, and of each violation what tells it from others."""
    result = CHECKS[name](history)
    return result.opportunities, [(v.users, v.cause, v.send) for v in result.violations]


def test_isolation_names_whose_it_is_and_where():
    history = world(0, 1)
    history.frames.append(Frame(-1))  # nothing of ours: no opportunity
    history.frames.append(Frame(1, others=(0,)))
    for frame in (2, 1, 3, 0):
        send(history, 1, frame, 12)
    send(history, 0, 0, 14)
    assert judged("isolation", history) == (
        4,
        [(("alice", "bob"), "leak inside another event", 2), (("alice", "bob"), "leak", 3)],
    )
    assert CHECKS["isolation"](history).violations[0].message == "'bob' was sent an event that belongs to 'alice'"


def test_isolation_judges_by_all_that_a_frame_holds():
    history = world(0, 1)
    history.contents[0].users = frozenset({0, 1})  # a twin's: both may have it
    history.frames[0].others = (1,)  # but not what it quotes
    send(history, 1, 0, 12)
    send(history, 0, 0, 13)
    assert judged("isolation", history) == (2, [(("bob", "alice"), "leak inside another event", 1)])


def test_ownership_is_of_ones_own_events_in_envelopes_that_name_a_simulated_user():
    history = world(1, 0)
    history.frames += [Frame(-1, owner="bob"), Frame(1, owner="alice"), Frame(0, owner="alice"), Frame(1, owner="bob")]
    for frame in (1, 2, 3, 4, 5):  # unnamed; not ours; right; bob's, so isolation's; wrong
        send(history, 0, frame, 12)
    assert judged("ownership", history) == (2, [(("alice", "bob"), "envelope", 4)])


def test_order_is_of_the_first_sends_of_single_publishes_on_one_connection():
    history = world(0, 0, 0, 1)
    for content, (started, returned) in enumerate(((10, 20), (30, 40), (50, 60), (5, 6))):
        publish(history, content, started, returned)
    for episode, frame in ((0, 1), (0, 2), (0, 0), (0, 2), (1, 3), (1, 0)):
        send(history, episode, frame, 100 + len(history.send_start))
    assert judged("order", history) == (3, [(("alice",), "order", 2)])  # bob's second began later
    history.contents[0].publishes = 2  # which of the two came is not known
    assert judged("order", history) == (1, [])


@pytest.mark.parametrize(("frames", "wrong"), [((2, 0, 1), [1, 2]), ((0, 2, 1), [2]), ((0, 1, 2), [])])
def test_order_compares_with_the_latest_before(frames, wrong):
    history = world(0, 0, 0)
    for content in range(3):
        publish(history, content, 20 * content + 10, 20 * content + 15)
    for frame in frames:
        send(history, 0, frame, 100 + frame)
    assert judged("order", history) == (2, [(("alice",), "order", row) for row in wrong])


def test_order_of_calls_where_that_is_promised():
    history = world(0, 0)
    publish(history, 0, 10, 50)
    publish(history, 1, 11, 49)
    send(history, 0, 1, 20)
    send(history, 0, 0, 21)
    assert judged("order", history) == (1, [])
    history.guarantees = Guarantees(concurrent_order=True)
    assert judged("order", history) == (1, [(("alice",), "order", 1)])
    history.calls[0].status = FAILED  # whoever is told that it failed may see it late
    assert judged("order", history) == (1, [])


@pytest.mark.parametrize(
    ("user", "socket", "connecting", "said"),
    [(0, 0, 24, True), (0, 0, 5, False), (0, 7, 24, False), (1, 0, 24, False)],
)
def test_an_earlier_log_in_is_one_of_the_same_user_on_the_same_socket(user, socket, connecting, said):
    """Published at 10 to 20, and at 30 to 40, they come the wrong way round to a connection begun at `connecting`."""
    history = world(0, 0)
    history.episodes[0] = Episode(user, socket, "first", 0, 1, 3, 4)
    history.episodes.append(Episode(0, 0, "second", connecting, connecting + 1))
    publish(history, 0, 10, 20)
    publish(history, 1, 30, 40)
    send(history, 2, 1, 50)
    send(history, 2, 0, 60)
    (violation,) = CHECKS["order"](history).violations
    assert violation.message.endswith("on the same socket") == said


def test_what_is_owed():
    """One publish to alice at 10 to 20; she has one connection, open from 1."""
    for change, owed in (
        ({"status": CANCELLED}, 0),
        ({"status": FAILED}, 0),
        ({"status": FAILED, "excused": True}, 1),  # only a dead socket's own error
        ({"status": PENDING, "returned": NEVER}, 0),
        ({"returned": 1_001}, 0),
        ({"returned": 1_000}, 1),
        ({"kind": "connect"}, 0),
        ({"user": 1}, 1),
    ):
        history = world(0)
        publish(history, 0, 10, 20)
        for name, value in change.items():
            setattr(history.calls[0], name, value)
        assert judged("delivery", history)[0] == owed, change
    for change, owed in (
        ({"connected": NEVER}, 0),
        ({"connected": 10}, 0),
        ({"connected": 9}, 1),
        ({"excused": 1_000}, 0),
        ({"excused": 1_001}, 1),
        ({"leaving": 1_000}, 0),
        ({"leaving": 1_001}, 1),
    ):
        history = world(0)
        publish(history, 0, 10, 20)
        for name, value in change.items():
            setattr(history.episodes[0], name, value)
        assert judged("delivery", history) == (owed, [(("alice",), "lost", -1)] * owed), change


def test_what_has_been_delivered():
    for status, end, others, lost in (
        (ACCEPTED, 1_000, (), 0),
        (ACCEPTED, 1_001, (), 1),
        (FAILED, 30, (), 1),
        (PENDING, NEVER, (), 1),
    ):
        history = world(0)
        publish(history, 0, 10, 20)
        send(history, 0, 0, 12)
        history.send_status[0], history.send_end[0], history.frames[0].others = status, end, others
        assert judged("delivery", history) == (1, [(("alice",), "lost", -1)] * lost)
    inside = world(0, 0)
    inside.frames[1].others = (0,)  # quoted within another event of hers: that may have been meant as its delivery
    publish(inside, 0, 10, 20)
    send(inside, 0, 1, 12)
    assert judged("delivery", inside) == (1, [])
    unfinished = world(0)
    publish(unfinished, 0, 10, 20)
    unfinished.final_quiet = NEVER
    assert judged("delivery", unfinished) == (0, [])


def test_every_device_is_owed_and_the_lost_one_is_named():
    history = world(0)
    history.episodes.append(Episode(0, 2, "her second", 3, connected=4))
    publish(history, 0, 10, 20)
    send(history, 0, 0, 12)
    assert judged("delivery", history) == (2, [(("alice",), "lost", -1)])
    (violation,) = CHECKS["delivery"](history).violations
    assert violation.message == (
        "'alice' never received an event on her second, though its publish returned; "
        "another connection of that user received it"
    )


@pytest.mark.parametrize(
    ("change", "late"),
    [
        (lambda h: None, ["late"]),
        (lambda h: h.send_status.__setitem__(0, FAILED), []),
        (lambda h: h.send_end.__setitem__(0, 1_001), []),
        (lambda h: setattr(h.episodes[0], "leaving", 900), []),
        (lambda h: setattr(h.episodes[0], "excused", 28), []),
        (lambda h: setattr(h, "rest", NEVER), []),
        (lambda h: setattr(h, "rest", 32), []),  # it was there at rest
        (lambda h: setattr(h.calls[0], "returned", 26), []),  # it was not owed at rest
        (lambda h: setattr(h.calls[0], "started", 26), []),
    ],
)
def test_what_came_late_was_owed_at_rest_and_came_afterwards(change, late):
    """Published at 10 to 20 and owed at rest, 25, it came at 32 when something was published at 30."""
    history = world(0, 0)
    publish(history, 0, 10, 20)
    publish(history, 1, 30, 40)
    history.rest = 25
    send(history, 0, 0, 32)
    send(history, 0, 1, 34)
    change(history)
    assert [cause for _, cause, _ in judged("delivery", history)[1] if cause == "late"] == late


def test_duplicate_counts_accepted_sends_of_ones_own_on_one_connection():
    history = world(0, 1)
    history.contents[0].publishes = 2
    history.episodes.append(Episode(0, 2, "her second", 3, connected=4))
    for episode, frame in ((0, 0), (0, 0), (2, 0), (0, 1), (0, 1), (0, 0), (0, 0), (0, 0)):
        send(history, episode, frame, 10 + len(history.send_start))
    history.send_status[5] = FAILED
    assert judged("duplicate", history) == (5, [(("alice",), "duplicate", 6), (("alice",), "duplicate", 7)])
    messages = [v.message for v in CHECKS["duplicate"](history).violations]
    assert messages[0] == "'alice' was sent one event 3 times on one connection; it was published 2 times"
    history.contents[0].publishes = 1
    assert CHECKS["duplicate"](history).violations[0].message.endswith("it was published once")
    history.guarantees = Guarantees(at_least_once=True)
    assert judged("duplicate", history) == (0, [])


def test_ghost_leaves_what_was_under_way_and_what_is_not_hers():
    history = world(0, 1)
    history.episodes[0].leaving, history.episodes[0].left = 10, 11
    history.frames.append(Frame(-1))
    for episode, frame in ((0, 0), (0, 1), (0, 2), (1, 1)):  # a late task; bob's; nothing of ours; bob is still there
        send(history, episode, frame, 12)
    history.under_way.add(0)
    assert judged("ghost", history) == (3, [(("alice",), "ghost", 2)])


@pytest.mark.parametrize(("returned", "connecting", "replayed"), [(20, 21, 1), (20, 20, 0), (NEVER, 21, 0)])
def test_nothing_is_replayed_where_that_is_declared(returned, connecting, replayed):
    history = world(0)
    history.frames.append(Frame(-1))
    publish(history, 0, 10, returned)
    history.calls.append(Call("connect", 0, 50, returned=60))  # of no content
    history.episodes[0].connecting = connecting
    send(history, 0, 0, 30)
    send(history, 0, 1, 31)
    assert judged("ghost", history) == (0, [])
    history.guarantees = Guarantees(replay=False)
    assert judged("ghost", history) == (1, [(("alice",), "before the connection", 0)] * replayed)
    publish(history, 0, 12, 25)  # published again, still under way when the connection began
    assert judged("ghost", history) == (1, [])


GOLDEN = ("agent_started", "agent_thinking", "agent_completed")


def golden() -> History:
    """One run of alice's, all of it sent to her."""
    history = world(0, 0, 0)
    for number, type_ in enumerate(GOLDEN):
        history.contents[number].run = 1
        history.contents[number].type = history.frames[number].type = type_
        publish(history, number, 10 * number + 10, 10 * number + 15)
        send(history, 0, number, 10 * number + 11)
    return history


def its_end_is_lost(history: History) -> None:
    history.send_status[2] = FAILED


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda h: None, (1, 0)),
        (its_end_is_lost, (1, 1)),
        (lambda h: setattr(h.frames[1], "type", ""), (1, 0)),  # it says no type: then it is as published
        (lambda h: setattr(h.frames[1], "type", "agent_completed"), (1, 1)),
        (lambda h: send(h, 0, 1, 40), (1, 1)),
        (lambda h: setattr(h, "send_frame", [0, 2, 1]), (1, 1)),
        (lambda h: setattr(h.contents[1], "type", "tool_completed"), (0, 0)),  # what was published is no word
        (lambda h: setattr(h.calls[1], "status", CANCELLED), (0, 0)),
        (lambda h: setattr(h.calls[1], "started", 15), (0, 0)),  # not one after another
        (lambda h: setattr(h.calls[1], "started", 16), (1, 0)),
        (lambda h: setattr(h.episodes[0], "connected", 10), (0, 0)),
        (lambda h: setattr(h.episodes[0], "leaving", 900), (0, 0)),
        (lambda h: setattr(h.episodes[0], "excused", 900), (0, 0)),
        (lambda h: setattr(h, "final_quiet", NEVER), (0, 0)),
        (lambda h: [setattr(call, "probe", True) for call in h.calls], (0, 0)),
        (lambda h: [setattr(content, "run", 0) for content in h.contents], (0, 0)),
    ],
)
def test_which_runs_the_golden_path_is_judged_of(change, expected):
    history = golden()
    change(history)
    opportunities, violations = judged("golden_path", history)
    assert (opportunities, len(violations)) == expected


def test_the_golden_path_says_what_came_and_what_was_published():
    history = golden()
    history.send_status[1] = FAILED
    history.episodes.append(Episode(0, 2, "her second", 3, connected=4))
    first, second = CHECKS["golden_path"](history).violations
    assert first.message.startswith(
        "run 1 of 'alice' arrived as: agent_started, agent_completed; "
        "it was published as: agent_started, agent_thinking, agent_completed; "
    )
    assert "arrived as: nothing; " in second.message


def test_events_that_come_several_in_a_frame_are_read_in_their_order():
    history = golden()
    history.frames.append(Frame(0, batch=(0, 1, 2), types=GOLDEN))
    history.send_episode, history.send_frame = [0], [3]
    history.send_start, history.send_end, history.send_status = [50], [51], [ACCEPTED]
    assert judged("golden_path", history) == (1, [])
    history.frames[3].batch = (0, 2, 1)
    history.frames[3].types = (GOLDEN[0], GOLDEN[2], GOLDEN[1])
    assert len(judged("golden_path", history)[1]) == 1
    history.frames[3] = Frame(-1, others=(0, 1, 2))  # they can't be taken apart
    assert judged("golden_path", history) == (0, [])
    history.frames[3] = Frame(-1, others=(0,))  # one is only quoted: it does not arrive
    assert len(judged("golden_path", history)[1]) == 1


def test_integrity_counts_what_carries_an_event_of_ours():
    history = world(0)
    history.frames += [Frame(-1, altered="type"), Frame(0, altered="payload.text")]
    for frame in (0, 1, 2):
        send(history, 0, frame, 12)
    assert judged("integrity", history) == (2, [(("alice",), "altered payload.text", 2)])


def test_a_count_is_of_connections_at_any_time_during_the_call():
    for value, connecting, left, expected in (
        (2, 19, NEVER, 0),
        (2, 20, NEVER, 1),  # its connect began when the call had returned
        (2, 5, 11, 0),
        (2, 5, 10, 1),  # gone when the call began
        (3, 5, NEVER, 1),
    ):
        history = world(0)
        publish(history, 0, 10, 20)
        history.calls[0].value = value
        history.episodes.append(Episode(0, 2, "her second", connecting, left=left))
        history.calls.append(Call("connect", 0, 1, value=9))
        assert judged("truthful_count", history) == (1, [(("alice",), "count", -1)] * expected)
    assert CHECKS["truthful_count"](history).violations[0].message == (
        "a publish to 'alice' returned 3, but that user had at most 2 connections"
    )
    history.guarantees = Guarantees(counts="no")
    assert judged("truthful_count", history) == (0, [])


def test_a_call_is_blocked_only_while_others_are_stalled():
    for returned, blocked in ((70, 1), (71, 0), (NEVER, 0)):
        history = world(0)
        publish(history, 0, 10, returned)
        history.stalled_quiet, history.rest, history.unstalled, history.blocked_calls = 50, 70, frozenset({0}), (0,)
        assert judged("blocking", history)[1] == [(("alice",), "publish waits", -1)] * blocked
    history.blocked_calls, history.stalled_quiet = (0,), NEVER
    assert judged("blocking", history) == (0, [])


def test_an_event_is_held_up_only_where_it_comes_in_the_end():
    for change, late in (
        (lambda h: None, 1),
        (lambda h: setattr(h.episodes[0], "leaving", 900), 0),
        (lambda h: h.send_status.__setitem__(0, FAILED), 0),
        (lambda h: h.send_end.__setitem__(0, 71), 0),  # healing alone did not bring it
        (lambda h: h.send_end.__setitem__(0, 50), 0),  # it had come
    ):
        history = world(0)
        publish(history, 0, 10, 20)
        send(history, 0, 0, 60)
        history.stalled_quiet, history.rest, history.unstalled = 50, 70, frozenset({0})
        change(history)
        opportunities, violations = judged("blocking", history)
        assert violations == [(("alice",), "event waits", -1)] * late
        assert opportunities == 1


def test_crash_tells_calls_that_raise_hang_or_are_cancelled_unasked():
    history = world(0)
    for status, excused in (
        (FAILED, False),
        (FAILED, True),
        (CANCELLED, False),
        (CANCELLED, True),
        (PENDING, False),
        (ACCEPTED, False),
    ):
        call = Call("publish", 0, 10, status=status, excused=excused, error="KeyError: 1" * (status == FAILED))
        call.where = "hub.py:7"
        history.calls.append(call)
    opportunities, violations = judged("crash", history)
    assert opportunities == 6
    assert [cause for _, cause, _ in violations] == [
        "publish KeyError hub.py:7",
        "publish cancelled",
        "publish pending hub.py:7",
    ]
    messages = [v.message for v in CHECKS["crash"](history).violations]
    assert messages[0] == "publish of 'alice' raised KeyError: 1 (hub.py:7)"
    assert messages[2].endswith("; it waits at hub.py:7")
    history.calls[4].where = ""
    assert CHECKS["crash"](history).violations[2].message.endswith("with all connections healthy")
    history.crashes = ["the broadcaster kept the thread for 3 s", "it goes on and on"]
    assert [cause for _, cause, _ in judged("crash", history)[1]] == ["kept the thread", "never quiet"]


def ended(*tasks: str) -> History:
    history = world(0)
    history.complete, history.leftover_tasks = True, tasks
    return history


def test_cleanup_of_tasks_is_judged_at_the_end_of_runs_in_which_all_left():
    for change, expected in (
        (lambda h: None, (1, ["tasks Hub._write"])),
        (lambda h: setattr(h, "complete", False), (0, [])),
        (lambda h: h.episodes.pop(), (0, [])),  # one connection: what is left may be the hub's own
        (lambda h: setattr(h, "workers", {"Hub._write": 2}), (1, [])),
        (lambda h: setattr(h, "workers", {"Hub._write": 1, "Hub._read": 2}), (1, ["tasks Hub._write"])),
        (lambda h: h.calls.append(Call("disconnect", 0, 5, status=FAILED)), (0, [])),
        (lambda h: h.calls.append(Call("publish", 0, 5, status=PENDING)), (0, [])),
        (lambda h: h.calls.append(Call("publish", 0, 5, status=FAILED)), (1, ["tasks Hub._write"])),
        (lambda h: h.calls.append(Call("disconnect", 0, 5, status=ACCEPTED)), (1, ["tasks Hub._write"])),
    ):
        history = ended("Hub._write", "Hub._write", "Hub._beat")
        change(history)
        opportunities, violations = judged("cleanup", history)
        assert (opportunities, [cause for _, cause, _ in violations]) == expected
    assert CHECKS["cleanup"](history).violations[0].message == "2 tasks of Hub._write remain after every user has gone"


def counted(*counts: tuple[int, int, int, int]) -> History:
    history = ended()
    history.episodes.clear()
    history.census = [Count(*count) for count in counts]
    return history


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([(0, 0, 0, 0), (10, 0, 9, 0), (20, 0, 18, 0)], (1, ["growth per departed user"])),
        ([(0, 0, 0, 0), (10, 0, 9, 0), (20, 0, 17, 0)], (1, [])),
        ([(0, 0, 0, 0), (10, 0, 0, 3_000), (20, 0, 0, 6_000)], (1, ["growth per departed user"])),
        ([(0, 0, 0, 0), (10, 0, 0, 3_000), (20, 0, 0, 5_999)], (1, [])),
        ([(0, 0, 0, 0), (10, 0, 90, 9_000), (20, 0, 90, 9_000)], (1, [])),  # a cache that is full
        ([(0, 0, 0, 0), (0, 10, 9, 0), (0, 20, 18, 0)], (1, ["growth per event"])),
        ([(0, 0, 0, 0), (0, 0, 9, 0), (0, 0, 18, 0)], (1, [])),  # nobody left and nothing passed
        ([(0, 0, 0, 0), (10, 0, 10, 0)], (0, [])),
    ],
)
def test_cleanup_of_memory_fails_when_it_grew_each_time(counts, expected):
    history = counted(*counts)
    opportunities, violations = judged("cleanup", history)
    assert (opportunities, [cause for _, cause, _ in violations]) == expected
    history.guarantees = Guarantees(growth=False)
    assert judged("cleanup", history) == (0, [])


def test_growth_is_said_for_each_departed_user():
    history = counted((0, 5, 3, 100), (10, 90, 33, 4_100), (30, 99, 93, 14_100))
    (violation,) = CHECKS["cleanup"](history).violations
    assert "memory grows with every departed user: 3.0 objects and 500 bytes each" in violation.message
