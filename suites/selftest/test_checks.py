"""Each check against histories that break it and histories that nearly do, made by hand."""

from crosstalk.checks import CHECKS
from crosstalk.model.history import ACCEPTED, NEVER, Call, Content, Episode, Frame, History


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
