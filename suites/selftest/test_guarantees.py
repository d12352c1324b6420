"""What is declared changes what is judged, and only that; isolation is never optional."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from crosstalk.checks import CHECKS
from crosstalk.examination import examine, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import ACCEPTED, CANCELLED, Call, Content, Count, Episode, Frame, History
from crosstalk.scenarios.program import Connect, Disconnect, Program, Publish


def history(guarantees: Guarantees, events: int = 2) -> History:
    """Alice, connected at 1; her events 0, 1, ... with nothing published or sent yet."""
    made = History(("alice", "bob"), guarantees=guarantees)
    made.episodes.append(Episode(0, 0, "alice/0", 0, connected=1))
    for number in range(events):
        made.contents.append(Content(frozenset({0}), 0, "partial_result", f"t{number}", publishes=1))
        made.frames.append(Frame(number))
    made.final_quiet = 1_000
    made.now = 1_001
    return made


def publish(made: History, content: int, started: int, returned: int, **more) -> None:
    made.calls.append(Call("publish", 0, started, content=content, returned=returned, status=ACCEPTED, **more))


def send(made: History, content: int, start: int, episode: int = 0) -> None:
    made.send_episode.append(episode)
    made.send_frame.append(content)
    made.send_start.append(start)
    made.send_end.append(start + 1)
    made.send_status.append(ACCEPTED)


def broken(made: History) -> set[str]:
    return {name for name, check in CHECKS.items() if check(made).violations}


def from_before(guarantees: Guarantees) -> History:
    """An event whose publish had returned is sent on a connection that began later."""
    made = history(guarantees)
    publish(made, 0, 10, 20)
    send(made, 0, 12)
    made.episodes.append(Episode(0, 1, "alice/1", 30, connected=31))
    send(made, 0, 40, episode=1)
    return made


def twice(guarantees: Guarantees) -> History:
    made = history(guarantees)
    publish(made, 0, 10, 20)
    send(made, 0, 12)
    send(made, 0, 15)
    return made


def overtaken_while_concurrent(guarantees: Guarantees) -> History:
    """Two publishes at the same time arrive in the other order than they were called in."""
    made = history(guarantees)
    publish(made, 0, 10, 30)
    publish(made, 1, 11, 31)
    send(made, 1, 15)
    send(made, 0, 18)
    return made


def counted_too_many(guarantees: Guarantees) -> History:
    made = history(guarantees, 1)
    publish(made, 0, 10, 20, value=7)
    send(made, 0, 12)
    return made


def growing(guarantees: Guarantees) -> History:
    made = history(guarantees, 0)
    made.complete = True
    made.census = [Count(departed, 0, 5 * departed, 500 * departed) for departed in (16, 32, 64)]
    return made


@pytest.mark.parametrize(
    ("make", "check", "item"),
    [
        (from_before, "ghost", "replay=no"),
        (overtaken_while_concurrent, "order", "concurrent_order=yes"),
        (counted_too_many, "truthful_count", "counts=yes"),
        (growing, "cleanup", "growth=yes"),
        (twice, "duplicate", "at_least_once=no"),
    ],
)
def test_a_promise_is_held_to_only_where_it_is_made(make, check, item):
    name, _, value = item.partition("=")
    other = {"no": "yes", "yes": "no"}[value]
    assert broken(make(Guarantees.parse([item]))) == {check}
    assert broken(make(Guarantees.parse([f"{name}={other}"]))) == set()


def test_a_leak_is_one_under_every_guarantee():
    for guarantees in (Guarantees(), Guarantees.strict(), Guarantees(at_least_once=True, counts="no", growth=False)):
        made = history(guarantees, 1)
        made.episodes.append(Episode(1, 1, "bob/0", 2, connected=3))
        publish(made, 0, 10, 20)
        send(made, 0, 12)
        send(made, 0, 13, episode=1)
        assert "isolation" in broken(made)


def test_items_are_read_over_the_defaults():
    assert Guarantees.parse() == Guarantees()
    assert Guarantees.parse(strict=True) == Guarantees.strict()
    mixed = Guarantees.parse(["replay=yes", "frame-seconds=2.5", " counts = no "], strict=True)
    assert (mixed.replay, mixed.frame_seconds, mixed.counts, mixed.additions) == (True, 2.5, "no", False)
    assert Guarantees.parse(grammar="a b+").golden_path == "a b+"


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("isolation=no", "is no guarantee: give NAME=VALUE with one of replay, "),
        ("replay", "is no guarantee"),
        ("replay=perhaps", "a guarantee has a wrong value"),
        ("frame_seconds=soon", "a guarantee has a wrong value"),
        ("counts=some", "a guarantee has a wrong value"),
        ("golden_path=(a", "has no ')' for the '('"),
    ],
)
def test_a_wrong_item_is_one_sentence(item, words):
    with pytest.raises(ValueError) as refused:
        Guarantees.parse([item])
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


class Raising:
    """Tells its caller when nobody is there."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]

    async def send_to_user(self, user_id, event):
        if user_id not in self.sockets:
            raise ConnectionError(f"{user_id} is not here")
        for websocket in list(self.sockets[user_id]):
            with contextlib.suppress(RuntimeError, ConnectionError):
                await websocket.send_json(event)


@pytest.mark.parametrize(("item", "verdict"), [("unknown_user=raise", "pass"), ("unknown_user=return", "fail")])
def test_what_a_publish_for_nobody_may_do_is_declared(item, verdict):
    judged = examine(open_target(Raising, guarantees=Guarantees.parse([item])), seed=1, seconds=60, schedules=300)
    crash = next(check for check in judged.checks if check.name == "crash")
    assert crash.verdict == verdict
    assert all("is not here" in violation.message for violation in crash.violations)


class LogsFirst:
    """Writes down who leaves, and lets go of the connection only then."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        await asyncio.sleep(0.01)
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]

    async def send_to_user(self, user_id, event):
        for websocket in list(self.sockets.get(user_id, ())):
            with contextlib.suppress(RuntimeError, ConnectionError):
                await websocket.send_json(event)


class LogsLast(LogsFirst):
    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]
        await asyncio.sleep(0.01)


class LogsInATask(LogsFirst):
    """The log is a task of its own, which nobody ends if the disconnect is cancelled."""

    async def disconnect(self, user_id, websocket):
        ended = asyncio.Event()
        task = asyncio.create_task(ended.wait())
        self.sockets.pop(user_id)
        await asyncio.sleep(0.01)
        ended.set()
        await task


@pytest.mark.parametrize(
    ("hub", "promised", "causes", "noted"),
    [
        (LogsFirst, "no", [], True),
        (LogsFirst, "yes", ["growth per user whose disconnect was cancelled"], False),
        (LogsLast, "no", [], False),
        (LogsLast, "yes", [], False),
    ],
)
def test_what_a_cancelled_disconnect_leaves_behind(hub, promised, causes, noted):
    guarantees = Guarantees.parse([f"cancelled_disconnect={promised}"])
    judged = examine(open_target(hub, guarantees=guarantees), seconds=0.5, schedules=1, checks=("cleanup",))
    assert [violation.cause for violation in judged.checks[0].violations] == causes
    assert any("cancelled half-way" in note for note in judged.notes) == noted


def test_tasks_too_are_left_by_a_cancelled_disconnect():
    program = Program(
        ("alice", "bob"), (0, 1), ((Connect(0), Connect(1), *(Disconnect(who, cancelled=True) for who in (0, 1))),)
    )
    for promised, expected in ("no", set()), ("yes", {"tasks Event.wait"}):
        guarantees = Guarantees.parse([f"cancelled_disconnect={promised}"])
        made = open_target(LogsInATask, guarantees=guarantees).play(program)
        assert [call.status for call in made.calls if call.kind == "disconnect"] == [CANCELLED, CANCELLED]
        assert {violation.cause for violation in CHECKS["cleanup"](made).violations} == expected


class FreesFirst:
    """One place in a table for each user; a place is free again before it is forgotten whose it was."""

    def __init__(self):
        self.places, self.sockets = {}, []

    async def connect(self, user_id, websocket):
        if None not in self.sockets:
            self.sockets.append(None)
        self.places[user_id] = self.sockets.index(None)
        self.sockets[self.places[user_id]] = websocket

    async def disconnect(self, user_id, websocket):
        self.sockets[self.places[user_id]] = None
        await asyncio.sleep(0.01)
        del self.places[user_id]

    async def send_to_user(self, user_id, event):
        websocket = self.sockets[self.places[user_id]] if user_id in self.places else None
        if websocket is not None:
            with contextlib.suppress(RuntimeError, ConnectionError):
                await websocket.send_json(event)


def test_what_a_cancelled_disconnect_leaves_reaches_nobody_else_under_any_guarantee():
    steps = (Connect(0), Disconnect(0, cancelled=True), Connect(1), Publish(0))
    made = open_target(FreesFirst).play(Program(("alice", "bob"), (0, 1), (steps,)))
    assert "isolation" in broken(made)
