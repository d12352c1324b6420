"""What may look like a defect and is none; beside each, the defect that it nearly is, which is still told."""

import asyncio
import base64
import contextlib
import dataclasses
import json
import logging
import sys
import time
import zlib
from datetime import UTC, datetime
from itertools import islice

import pytest

from crosstalk.checks import CHECKS, check_all
from crosstalk.examination import MORE_COUNTS, control_program, controls, examine, explore, growth, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED
from crosstalk.scenarios.program import Cancel, Connect, Disconnect, Drop, Program, Publish, Stall, Wait
from crosstalk.scenarios.stage import perform
from crosstalk.scenarios.token import read
from crosstalk.targets.loader import TargetError


class Hub:
    """The least: a list of sockets a user, sent to one after another, each only while it is listed."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        for websocket in list(self.sockets.get(user_id, ())):
            if websocket in self.sockets.get(user_id, ()):
                with contextlib.suppress(RuntimeError, ConnectionError):
                    await websocket.send_json(event)


def causes(examination, seed=1, runs=1_500):
    """All that the checks say in so many explored runs."""
    return {
        (check, violation.cause)
        for run in islice(explore(examination, seed), runs)
        for check, result in run.results.items()
        for violation in result.violations
    }


# -- sends that were scheduled before the disconnect ---------------------------------------------------------------


class Gathering(Hub):
    async def broadcast_to_user(self, user_id, event):
        sends = [websocket.send_json(event) for websocket in self.sockets.get(user_id, ())]
        await asyncio.gather(*sends, return_exceptions=True)


class GatheringInTurn(Hub):
    async def broadcast_to_user(self, user_id, event):
        for websocket in list(self.sockets.get(user_id, ())):
            await asyncio.gather(websocket.send_json(event), return_exceptions=True)


def test_a_task_of_gather_that_starts_right_after_a_disconnect_is_no_ghost():
    assert not causes(open_target(Gathering))


def test_a_send_that_waited_for_another_one_is_a_ghost():
    assert ("ghost", "ghost") in causes(open_target(GatheringInTurn))


# -- a socket that stalls under its next user ----------------------------------------------------------------------


def handed_on(stage):
    """Alice's publish waits for the socket that bob has by the time it stalls."""
    kiosk = stage.connect("alice")
    stage.hold(kiosk)
    stage.start_publish("alice")
    stage.settle()
    stage.disconnect(kiosk)
    stage.stall(stage.connect("bob", reuse=kiosk))


def blocking_of(make):
    examination = open_target(make)
    history = perform(handed_on, ("alice", "bob", "carol"), examination.factory, examination.adapter)
    return {violation.users for violation in CHECKS["blocking"](history).violations}


def test_who_had_the_stalled_socket_before_may_wait_for_it():
    assert blocking_of(Hub) == set()


class OneLock(Hub):
    def __init__(self):
        super().__init__()
        self.lock = asyncio.Lock()

    async def broadcast_to_user(self, user_id, event):
        async with self.lock:
            await super().broadcast_to_user(user_id, event)


def test_who_never_had_it_may_not():
    assert blocking_of(OneLock) == {("carol",)}


# -- a socket that was slow, and has another user by now -----------------------------------------------------------


class Retrying(Hub):
    """Ten seconds for each attempt, as long as the socket is the user's."""

    def may_send(self, user_id, websocket):
        return websocket in self.sockets[user_id]

    async def broadcast_to_user(self, user_id, event):
        for websocket in list(self.sockets.get(user_id, ())):
            while self.may_send(user_id, websocket):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(10):
                        await websocket.send_json(event)
                    break


class RetryingForWhoever(Retrying):
    def may_send(self, user_id, websocket):
        return any(websocket in sockets for sockets in self.sockets.values())


def slow_and_taken_over(stage):
    kiosk = stage.connect("alice")
    stage.hold(kiosk)
    stage.start_publish("alice")
    stage.sleep(10)
    stage.disconnect(kiosk)
    stage.connect("bob", reuse=kiosk)
    stage.sleep(10)


def told_of_a_slow_socket(make):
    examination = open_target(make)
    history = perform(slow_and_taken_over, ("alice", "bob"), examination.factory, examination.adapter)
    alice, bob = history.episodes
    assert bob.socket == alice.socket and bob.excused == bob.connecting
    return {check for check, judge in CHECKS.items() if judge(history).violations}


def test_who_is_given_a_slow_socket_is_owed_nothing_on_it():
    assert told_of_a_slow_socket(Retrying) == set()


def test_but_not_sent_what_was_another_user_s():
    assert told_of_a_slow_socket(RetryingForWhoever) == {"isolation"}


# -- workers of the broadcaster's own ------------------------------------------------------------------------------


class Pool(Hub):
    """So many workers, started one by one as they are needed; they do nothing and never end."""

    def __init__(self, most=4):
        super().__init__()
        self.most = most
        self.workers = []

    async def connect(self, user_id, websocket):
        if len(self.workers) < self.most:
            self.workers.append(asyncio.create_task(self.work()))
        await super().connect(user_id, websocket)

    async def work(self):
        await asyncio.Event().wait()


def test_a_pool_of_workers_may_stay():
    assert not causes(open_target(Pool))


def test_a_worker_for_each_connection_may_not():
    verdict = examine(open_target(lambda: Pool(most=10**9)), seconds=20, schedules=200, checks=("cleanup",))
    assert "tasks Pool.work" in {violation.cause for violation in verdict.checks[0].violations}


class RacyJanitor(Hub):
    """One janitor; two, when two users come at the same time and the first waits to be greeted."""

    def __init__(self):
        super().__init__()
        self.janitor = None

    async def connect(self, user_id, websocket):
        if self.janitor is None:
            try:
                await websocket.send_json({"type": "connection_established"})
            finally:
                self.janitor = asyncio.create_task(asyncio.Event().wait())
        await super().connect(user_id, websocket)


def test_a_second_janitor_by_a_race_may_not():
    assert any(check == "cleanup" for check, _ in causes(open_target(RacyJanitor)))


# -- refusals ------------------------------------------------------------------------------------------------------


class Full(Exception):
    pass


class Limited(Hub):
    most = 40

    async def connect(self, user_id, websocket):
        if sum(map(len, self.sockets.values())) >= self.most:
            raise Full(user_id)
        await super().connect(user_id, websocket)


def test_a_full_house_may_refuse():
    examination = open_target(Limited)
    wide = [run for run in islice(explore(examination, family="wide"), 6)]
    assert any(call.error.startswith("Full") for run in wide for call in run.history.calls)
    assert not [v for run in wide for result in run.results.values() for v in result.violations]


class Unfriendly(Limited):
    most = 1


def test_an_empty_house_may_not():
    assert any(check == "crash" for check, _ in causes(open_target(Unfriendly), runs=300))


# -- events kept by reference --------------------------------------------------------------------------------------


class ByReference:
    def __init__(self):
        self.queues = {}

    def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, []).append(queue)
        return queue

    def unsubscribe(self, user_id, queue):
        self.queues[user_id].remove(queue)

    async def publish(self, user_id, event):
        for queue in self.queues.get(user_id, ()):
            queue.put_nowait(event)


def test_the_publishers_object_may_be_kept_and_is_noted():
    verdict = examine(open_target(ByReference), seconds=20, schedules=600)
    assert verdict.verdict == "pass"
    assert any("snapshot=yes" in note for note in verdict.notes)


def test_unless_a_snapshot_is_promised():
    examination = open_target(ByReference, guarantees=Guarantees(snapshot=True))
    verdict = examine(examination, seconds=20, schedules=600, checks=("integrity",))
    assert verdict.verdict == "fail"
    assert not verdict.notes


def test_no_note_of_a_broadcaster_that_sends_at_once():
    assert not examine(open_target(Hub), seconds=20, schedules=50).notes


# -- heartbeats ----------------------------------------------------------------------------------------------------


class Heartbeats(Hub):
    def __init__(self):
        super().__init__()
        self.beats = {}

    async def connect(self, user_id, websocket):
        await super().connect(user_id, websocket)
        self.beats[websocket] = asyncio.create_task(self.beat(websocket))

    async def beat(self, websocket):
        while True:
            await asyncio.sleep(5.0)
            try:
                await websocket.send_json({"type": "ping"})
            except (RuntimeError, ConnectionError):
                return

    async def disconnect(self, user_id, websocket):
        self.beats.pop(websocket).cancel()
        await super().disconnect(user_id, websocket)


def test_a_program_cut_short_by_heartbeats_is_ended_all_the_same():
    examination = open_target(Heartbeats)
    found = [v for run in islice(explore(examination, family="long"), 12) for v in run.results["cleanup"].violations]
    assert not found


class Queueing(Hub):
    """Events and heartbeats of a connection wait in one queue for its sender."""

    async def connect(self, user_id, websocket):
        waiting = asyncio.Queue()
        tasks = asyncio.create_task(self._send(waiting, websocket)), asyncio.create_task(self._beat(waiting))
        self.sockets.setdefault(user_id, {})[websocket] = waiting, tasks

    async def _send(self, waiting, websocket):
        with contextlib.suppress(RuntimeError, ConnectionError):
            while True:
                await websocket.send_json(await waiting.get())

    async def _beat(self, waiting):
        while True:
            await asyncio.sleep(1)
            waiting.put_nowait({"type": "ping"})

    async def disconnect(self, user_id, websocket):
        _, tasks = self.sockets[user_id].pop(websocket)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def broadcast_to_user(self, user_id, event):
        for waiting, _ in self.sockets.get(user_id, {}).values():
            waiting.put_nowait(event)


def test_heartbeats_that_wait_behind_a_held_send_are_worked_off():
    """Of a day that a send is held back, the heartbeats of minutes are enough."""
    assert not causes(open_target(Queueing), seed=0, runs=50)


class Withholding:
    """Socket 1 is answered last of all, while the others' heartbeats go on."""

    def begin(self):
        pass

    def choose(self, gates, can_hold):
        others = [number for number, gate in enumerate(gates, 1) if gate.lane != 1]
        return others[0] if others else len(gates) + 1 if can_hold else 0


def test_no_connection_stalls_once_the_program_counts_as_over():
    waiting = (Connect(0), Wait(12_000.0))
    steps = (Connect(1), Publish(1), Connect(2), Stall(2), Publish(2))
    program = Program(("alice", "bob", "carol"), (0, 1, 2), (waiting, steps))
    history = open_target(Heartbeats).play(program, Withholding())
    texts = [text.partition(":")[0] for _, text in history.notes]
    assert "socket 2 stalls" not in texts[texts.index("quiet, stalls held") :]
    assert {check for check, judge in CHECKS.items() if judge(history).violations} == set()


# -- readers -------------------------------------------------------------------------------------------------------


class Streams:
    """Connecting gives an async generator; disconnecting closes it, as a handler that has left its loop may."""

    def __init__(self):
        self.queues = {}

    async def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, []).append(queue)
        return self.read(user_id, queue)

    async def read(self, user_id, queue):
        try:
            while True:
                yield await queue.get()
        finally:
            self.queues[user_id].remove(queue)

    async def unsubscribe(self, user_id, stream):
        await stream.aclose()

    async def publish(self, user_id, event):
        for queue in self.queues.get(user_id, ()):
            queue.put_nowait(dict(event))


def test_a_stream_may_be_closed_by_the_disconnect():
    # one whose generator never began is never cleaned up, by Python's own rule: such programs are left out here
    program = Program(
        ("alice", "bob"),
        (0, 1),
        ((Connect(0), Connect(1), Publish(0), Publish(1), Disconnect(0)), (Publish(0), Publish(1), Disconnect(1))),
    )
    examination = open_target(Streams)
    for place in range(12):
        for choice in range(4):
            history = examination.play(program, (*(0,) * place, choice))
            assert not [v for check in CHECKS.values() for v in check(history).violations]


class LeftByItself:
    """Nobody disconnects: a subscription is an async generator, or a block, that is left."""

    def __init__(self):
        self.queues = {}

    async def subscribe(self, user_id):
        async with self.connection(user_id) as queue:
            while True:
                yield await queue.get()

    @contextlib.asynccontextmanager
    async def connection(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, []).append(queue)
        try:
            yield queue
        finally:
            self.queues[user_id].remove(queue)
            if not self.queues[user_id]:
                del self.queues[user_id]

    async def publish(self, user_id, event):
        for queue in self.queues.get(user_id, ()):
            queue.put_nowait(dict(event))


class LeftBlocks(Hub):
    disconnect = None

    @contextlib.asynccontextmanager
    async def connection(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)
        yield
        await Hub.disconnect(self, user_id, websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]

    connect = connection


@pytest.mark.parametrize(
    ("kind", "connect"), [(LeftByItself, "subscribe"), (LeftByItself, "connection"), (LeftBlocks, "connect")]
)
def test_what_is_left_by_itself_needs_no_disconnect(kind, connect):
    examination = open_target(kind, names={"connect": connect})
    verdict = examine(examination, schedules=300, seconds=60)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]


def test_a_block_that_is_left_without_cleaning_up_is_told():
    class Stays(LeftBlocks):
        @contextlib.asynccontextmanager
        async def connection(self, user_id, websocket):
            self.sockets.setdefault(user_id, []).append(websocket)
            yield

        connect = connection

    assert "ghost" in {check for check, _ in causes(open_target(Stays), runs=60)}


# -- who is addressed is a session, or a connection ---------------------------------------------------------------


class OneSession:
    """A later connection takes the place of the one before, as a disconnect that names no connection means."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, websocket, user_id):
        await websocket.accept()
        self.sockets[user_id] = websocket
        await websocket.send_json({"type": "connected"})

    def disconnect(self, user_id):
        self.sockets.pop(user_id, None)

    async def send_to_user(self, user_id, message):
        if user_id in self.sockets:
            with contextlib.suppress(RuntimeError, ConnectionError):
                await self.sockets[user_id].send_json(message)


def test_a_greeting_on_each_connection_does_not_mean_that_each_is_served():
    assert open_target(OneSession).adapter.replaces
    assert causes(open_target(OneSession), runs=300) == set()


class ByConnection(OneSession):
    async def connect(self, websocket, connection_id):
        await OneSession.connect(self, websocket, connection_id)

    def disconnect(self, connection_id):
        OneSession.disconnect(self, connection_id)

    async def send_to_user(self, connection_id, message):
        if connection_id in self.sockets:
            try:
                await self.sockets[connection_id].send_json(message)
            except (RuntimeError, ConnectionError):
                self.disconnect(connection_id)


class ByUser(ByConnection):
    async def connect(self, websocket, user_id):
        await ByConnection.connect(self, websocket, user_id)

    def disconnect(self, user_id):
        ByConnection.disconnect(self, user_id)

    async def send_to_user(self, user_id, message):
        await ByConnection.send_to_user(self, user_id, message)


def comes_back(stage):
    stage.disconnect(stage.connect("alice"))
    stage.connect("alice")


def test_no_connection_comes_back_under_its_id_but_a_user_does():
    """Else who fails while it is sent to seems to take the next connection along."""
    for kind, times in ((ByConnection, 1), (ByUser, 2)):
        history = perform(comes_back, ("alice",), kind, open_target(kind).adapter)
        assert len(history.episodes) == times
    assert causes(open_target(ByConnection), runs=300) == set()


class NumberedByTime(OneSession):
    """A connection's id is the moment when it began: two begin at the same one in no process that is real."""

    async def connect(self, websocket, workspace_id, user_id):
        await websocket.accept()
        number = f"{user_id}:{datetime.now(UTC).timestamp()}"
        self.sockets[number] = websocket
        return number

    def disconnect(self, connection_id):
        OneSession.disconnect(self, connection_id)

    async def send_to_user(self, user_id, message):
        for number, websocket in list(self.sockets.items()):
            if number.startswith(f"{user_id}:") and number in self.sockets:
                with contextlib.suppress(RuntimeError, ConnectionError):
                    await websocket.send_json(message)


def test_ids_made_of_the_time_differ():
    assert causes(open_target(NumberedByTime), runs=200) == set()


class KeepsAThousand(Hub):
    def __init__(self):
        super().__init__()
        self.past = []

    async def broadcast_to_user(self, user_id, event):
        self.past = [*self.past[-999:], event]
        await super().broadcast_to_user(user_id, event)


def test_a_history_of_the_last_thousand_is_no_leak():
    verdict = examine(open_target(KeepsAThousand), schedules=1, seconds=2, checks=("cleanup",))
    assert verdict.checks[0].verdict == "pass", verdict.checks[0]


# -- one for the whole process -------------------------------------------------------------------------------------

SINGLETON = """
import asyncio, contextlib, functools

class Hub:
    def __init__(self):
        self.lanes = {}
        self.dispatcher = None

    async def connect(self, user_id, websocket):
        if self.dispatcher is None:
            self.queue = asyncio.Queue()
            self.dispatcher = asyncio.create_task(self.dispatch())
        lane = asyncio.Queue()
        self.lanes.setdefault(user_id, {})[websocket] = lane, asyncio.create_task(self.write(websocket, lane))

    async def disconnect(self, user_id, websocket):
        _, writer = self.lanes[user_id].pop(websocket)
        writer.cancel()

    async def write(self, websocket, lane):
        with contextlib.suppress(RuntimeError, ConnectionError):
            while True:
                await websocket.send_json(await lane.get())

    async def dispatch(self):
        while True:
            user_id, event = await self.queue.get()
            for lane, _ in self.lanes.get(user_id, {}).values():
                lane.put_nowait(event)

    async def broadcast_to_user(self, user_id, event):
        if self.dispatcher is not None:
            self.queue.put_nowait((user_id, dict(event)))

@functools.cache
def get_hub():
    return Hub()
"""


def test_a_singleton_whose_worker_ended_with_the_loop_before_is_made_afresh(tmp_path):
    (tmp_path / "one.py").write_text(SINGLETON)
    verdict = examine(open_target(f"{tmp_path}/one.py:get_hub"), schedules=100, seconds=60)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert any("state outlives the factory" in note for note in verdict.notes)


# -- what tells two users, or two events, apart by too little ------------------------------------------------------


class BeforeTheColon(Hub):
    """Keys are `user:number`, and whatever stands before the first colon is taken for the user."""

    async def broadcast_to_user(self, user_id, event):
        for other in [other for other in self.sockets if other.split(":")[0] == user_id.split(":")[0]]:
            await super().broadcast_to_user(other, event)


class CachedByAddress(Hub):
    """The text of an event is kept by the address of an object that may be another's tomorrow."""

    def __init__(self):
        super().__init__()
        self.texts = {}

    async def broadcast_to_user(self, user_id, event):
        text = self.text(dict(event))
        for websocket in list(self.sockets.get(user_id, ())):
            if websocket in self.sockets[user_id]:
                with contextlib.suppress(RuntimeError, ConnectionError):
                    await websocket.send_text(text)

    def text(self, event):
        if id(event) not in self.texts:
            self.texts[id(event)] = json.dumps(event)
        return self.texts[id(event)]


@pytest.mark.parametrize(("kind", "runs"), [(BeforeTheColon, 1_000), (CachedByAddress, 1_000)])
def test_what_falls_together_is_told(kind, runs):
    assert "isolation" in {check for check, _ in causes(open_target(kind), runs=runs)}


# -- frames that are no JSON object --------------------------------------------------------------------------------


class Lines(Hub):
    """Everything that waits for a socket goes out as lines of JSON, in one frame."""

    def __init__(self):
        super().__init__()
        self.waiting = {}

    def encoded(self, events):
        return "\n".join(map(json.dumps, events)).encode()

    async def broadcast_to_user(self, user_id, event):
        for websocket in self.sockets.get(user_id, ()):
            self.waiting.setdefault(websocket, []).append(dict(event))
            if len(self.waiting[websocket]) == 1:
                asyncio.get_running_loop().create_task(self.flush(user_id, websocket))

    async def flush(self, user_id, websocket):
        await asyncio.sleep(0.02)
        events = self.waiting.pop(websocket)
        if websocket in self.sockets.get(user_id, ()):
            with contextlib.suppress(RuntimeError, ConnectionError):
                await websocket.send_bytes(self.encoded(events))


class ServerSentEvents(Lines):
    def encoded(self, events):
        return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


class Deflated(Lines):
    def encoded(self, events):
        return zlib.compress(super().encoded(events))


class InBase64(Lines):
    def encoded(self, events):
        return json.dumps({"data": base64.urlsafe_b64encode(super().encoded(events)).decode()}).encode()


class NotToBeTakenApart(Lines):
    def encoded(self, events):
        return b"\x00".join(e["payload"]["canary"].encode() for e in events)


def test_what_nobody_can_read_is_unknown():
    class Scrambled(Hub):
        async def broadcast_to_user(self, user_id, event):
            for websocket in list(self.sockets.get(user_id, ())):
                if websocket in self.sockets[user_id]:
                    with contextlib.suppress(RuntimeError, ConnectionError):
                        await websocket.send_bytes(bytes(byte ^ 90 for byte in json.dumps(event).encode()))

    verdict = examine(open_target(Scrambled), schedules=50, seconds=60)
    assert verdict.verdict == "unknown"
    assert {c.name for c in verdict.checks if c.reason == "no event can be read in what is sent"} >= {
        "isolation",
        "delivery",
        "golden_path",
    }
    assert any("socket that decodes what it sends" in note for note in verdict.notes)


FRAMED = [Lines, ServerSentEvents, Deflated, InBase64, NotToBeTakenApart]


@pytest.mark.parametrize("kind", FRAMED)
def test_several_events_in_one_frame_accuse_nobody(kind):
    assert not causes(open_target(kind), runs=300)


@pytest.mark.parametrize("kind", FRAMED)
def test_and_leak_as_any_other(kind):
    class ToAll(kind):
        async def broadcast_to_user(self, user_id, event):
            for other in list(self.sockets):
                await super().broadcast_to_user(other, event)

    assert "isolation" in {check for check, _ in causes(open_target(ToAll), runs=100)}


def test_a_task_that_no_cancellation_ends_neither_hangs_nor_chatters(capfd):
    class Undying(Hub):
        """A writer for each connection that takes every exception for a failed send."""

        def __init__(self):
            super().__init__()
            self.queues = {}

        async def connect(self, user_id, websocket):
            queue = self.queues[websocket] = asyncio.Queue()
            self.queues[websocket].task = asyncio.create_task(self.write(websocket, queue))
            await super().connect(user_id, websocket)

        async def write(self, websocket, queue):
            while True:
                try:
                    await websocket.send_json(await queue.get())
                except BaseException:
                    continue

        async def disconnect(self, user_id, websocket):
            await super().disconnect(user_id, websocket)
            self.queues.pop(websocket).task.cancel()

        async def broadcast_to_user(self, user_id, event):
            for websocket in self.sockets.get(user_id, ()):
                self.queues[websocket].put_nowait(dict(event))

    verdict = examine(open_target(Undying), schedules=200, seconds=60)
    assert "cleanup" in {check.name for check in verdict.checks if check.verdict == "fail"}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("method", ["send_str", "send_text", "send_json", "send"])
def test_each_librarys_name_for_sending(method):
    class Sender(Hub):
        async def broadcast_to_user(self, user_id, event):
            for websocket in self.sockets.get(user_id, ()):
                await getattr(websocket, method)(event if method == "send_json" else json.dumps(event))

    program = Program(("alice", "bob"), (0, 1), ((Connect(0), Publish(0), Drop(0)),))
    history = open_target(Sender).play(program)
    assert len(history.send_start) == 2  # the publish, and the probe that fails
    assert history.frames[history.send_frame[0]].content == 0


@pytest.mark.parametrize("method", ["__call__", "write_message", "put_nowait"])
def test_what_is_handed_over_without_waiting(method):
    """A callback, Tornado's way of sending, and a queue that the caller made."""

    class Sender(Hub):
        async def broadcast_to_user(self, user_id, event):
            for websocket in self.sockets.get(user_id, ()):
                with contextlib.suppress(ConnectionError, RuntimeError):
                    getattr(websocket, method)(event)

    assert causes(open_target(Sender), runs=100) == set()
    program = Program(("alice", "bob"), (0, 1), ((Connect(0), Publish(0), Drop(0)),))
    history = open_target(Sender).play(program)
    assert [*history.send_status] == [ACCEPTED, FAILED]  # the publish, and the probe


class Callbacks:
    """Calls what it was given, awaits it where it can be, and else makes a task of it."""

    def __init__(self):
        self.callbacks = {}

    def subscribe(self, user_id, callback):
        self.callbacks.setdefault(user_id, []).append(callback)

    def unsubscribe(self, user_id, callback):
        self.callbacks[user_id].remove(callback)

    async def publish(self, user_id, event):
        for callback in list(self.callbacks.get(user_id, ())):
            if callback in self.callbacks.get(user_id, ()):
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await asyncio.create_task(callback(user_id, event))


class Everybody(Callbacks):
    async def publish(self, user_id, event):
        for callback in [each for callbacks in self.callbacks.values() for each in callbacks]:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await callback(user_id, event)


def test_callbacks_are_connections():
    assert causes(open_target(Callbacks), runs=200) == set()
    assert ("isolation", "leak") in causes(open_target(Everybody), runs=20)


def test_a_way_of_sending_that_no_connection_has_is_no_defect():
    class Sender(Hub):
        async def broadcast_to_user(self, user_id, event):
            for websocket in self.sockets.get(user_id, ()):
                with contextlib.suppress(Exception):
                    await websocket.push_frame(event)

    with pytest.raises(TargetError, match="sends by push_frame, which the simulated connection does not have"):
        open_target(Sender)


LOGGING = """
import logging

log = logging.getLogger(__name__)
KEPT = []


class Hub:
    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]
        KEEP

    async def publish(self, user_id, event):
        log.error("for %s: %s", user_id, event)
        for websocket in list(self.sockets.get(user_id, ())):
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                log.exception("a connection of %s is gone", user_id)
"""


class Keeping(logging.Handler):
    """As pytest's own handler keeps what a test logs."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.mark.parametrize(("keep", "verdict"), [("pass", "pass"), ("KEPT.append([user_id])", "fail")])
def test_what_a_handler_of_the_process_keeps_of_the_log_is_not_the_broadcaster_s(tmp_path, keep, verdict):
    path = tmp_path / "logging_hub.py"
    path.write_text(LOGGING.replace("KEEP", keep))
    handler = Keeping()
    logging.getLogger().addHandler(handler)
    try:
        judged = examine(open_target(f"{path}:Hub"), seed=1, seconds=6, schedules=30, checks=("cleanup",))
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(handler.records) > 500
    assert judged.verdict == verdict


# -- events that wait for a timer of the broadcaster, or for the next event ------------------------------------------


class Queued(Hub):
    """A queue and a writer for each connection, which rests for `pace` seconds after each event."""

    pace = 0.0

    def __init__(self):
        super().__init__()
        self.writers = {}

    async def connect(self, user_id, websocket):
        queue = asyncio.Queue()
        self.writers.setdefault(user_id, {})[websocket] = queue, asyncio.create_task(self.write(websocket, queue))

    async def disconnect(self, user_id, websocket):
        self.writers[user_id].pop(websocket)[1].cancel()
        if not self.writers[user_id]:
            del self.writers[user_id]

    async def broadcast_to_user(self, user_id, event):
        self.hand_on(user_id, [event])

    def hand_on(self, user_id, events):
        for queue, _ in self.writers.get(user_id, {}).values():
            for event in events:
                queue.put_nowait(event)

    async def write(self, websocket, queue):
        while True:
            event = await queue.get()
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                return
            await asyncio.sleep(self.pace)


class Digest(Queued):
    """What comes within `period` seconds is sent together, event by event."""

    period = 90.0

    def __init__(self):
        super().__init__()
        self.waiting = {}

    async def broadcast_to_user(self, user_id, event):
        if user_id not in self.waiting:
            asyncio.get_running_loop().call_later(self.period, self.flush, user_id)
        self.waiting.setdefault(user_id, []).append(event)

    def flush(self, user_id):
        self.hand_on(user_id, self.waiting.pop(user_id))


class Hasty(Digest):
    """Forgets what it holds for a user as soon as one of his connections ends."""

    async def disconnect(self, user_id, websocket):
        await super().disconnect(user_id, websocket)
        if user_id in self.waiting:
            self.waiting[user_id].clear()


class Pushed(Queued):
    """Sends what came before, and keeps the newest."""

    async def write(self, websocket, queue):
        before = await queue.get()
        while True:
            event = await queue.get()
            try:
                await websocket.send_json(before)
            except (RuntimeError, ConnectionError):
                return
            before = event


class Mortal(Queued):
    """One worker for all, which an event for somebody who is not there ends, until the next event starts another."""

    worker = None

    def __init__(self):
        super().__init__()
        self.jobs = asyncio.Queue()

    async def broadcast_to_user(self, user_id, event):
        if self.worker is None or self.worker.done():
            self.worker = asyncio.create_task(self.work())
        self.jobs.put_nowait((user_id, event))

    async def work(self):
        while True:
            user_id, event = await self.jobs.get()
            for queue, _ in self.writers[user_id].values():
                queue.put_nowait(event)


@pytest.mark.parametrize("period", [50.0, 90.0, 600.0])
def test_a_digest_may_keep_events_as_long_as_its_timer_says(period):
    digest = type("Digest", (Digest,), {"period": period})
    assert causes(open_target(digest), runs=100) == set()


def test_but_not_lose_them():
    assert ("delivery", "lost") in causes(open_target(Hasty), runs=200)


def test_how_long_is_said():
    verdict = examine(open_target(Digest), seconds=10, schedules=1)
    assert "events may wait for timers of the broadcaster: each was given 150.9 s" in verdict.notes


def test_what_comes_at_its_own_pace_is_not_late():
    assert causes(open_target(type("Paced", (Queued,), {"pace": 10.0})), runs=100) == set()


def test_what_only_the_next_event_brings_is():
    assert ("delivery", "late") in causes(open_target(Pushed), runs=50)


def test_nor_is_it_somebodys_stalled_connection_that_holds_it_up():
    found = causes(open_target(Mortal), runs=300)
    assert ("delivery", "late") in found and "blocking" not in {check for check, _ in found}


# -- what is kept of departed users, wherever it is kept -------------------------------------------------------------

KEEPER = """
import contextlib, functools

class Channels:
    known = {}

def remembering(publish):
    known = {}
    @functools.wraps(publish)
    async def inner(self, user_id, event):
        known[user_id] = [event]
        await publish(self, user_id, event)
    return inner

@functools.lru_cache(maxsize=SIZE)
def topic(user_id):
    return ["user", user_id]

class Hub:
    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]

    DECORATOR
    async def publish(self, user_id, event):
        KEEP
        for websocket in list(self.sockets.get(user_id, ())):
            if websocket in self.sockets.get(user_id, ()):
                with contextlib.suppress(RuntimeError, ConnectionError):
                    await websocket.send_json(event)
"""


@pytest.mark.parametrize(
    ("keep", "size", "decorator", "verdict"),
    [
        ("pass", 0, "", "pass"),
        ("pass", 0, "@remembering", "fail"),
        ("Channels.known[user_id] = [event]", 0, "", "fail"),
        ("topic(user_id)", None, "", "fail"),
        ("topic(user_id)", 256, "", "pass"),
    ],
)
def test_memory_is_looked_for_in_classes_closures_and_caches(tmp_path, keep, size, decorator, verdict):
    text = KEEPER.replace("KEEP", keep).replace("SIZE", str(size)).replace("DECORATOR", decorator)
    (tmp_path / "keeper.py").write_text(text)
    target = open_target(f"{tmp_path / 'keeper.py'}:Hub")
    assert examine(target, seconds=1, schedules=1, checks=("cleanup",)).verdict == verdict


# -- a small class around what another module keeps ------------------------------------------------------------------

MANAGER = """
class Manager:
    def __init__(self):
        self.sockets, self.seen, self.kept = {}, set(), None

    async def open(self, user, socket):
        self.sockets.setdefault(user, []).append(socket)
        if user in self.seen and self.kept is not None:
            await socket.send_json(self.kept)
        self.seen.add(user)

    async def send(self, user, event):
        self.kept = event
        for socket in list(self.sockets.get(user, ())):
            await socket.send_json(event)

manager = Manager()
"""
WRAPPER = """
from kept_manager import manager

class Target:
    async def connect(self, user_id, websocket):
        await manager.open(user_id, websocket)

    async def disconnect(self, user_id, websocket):
        manager.sockets[user_id].remove(websocket)

    async def publish(self, user_id, event):
        await manager.send(user_id, event)
"""


def test_modules_beside_the_target_are_loaded_afresh_too(tmp_path, monkeypatch):
    """What the manager keeps of one run must not be taken for a leak of the next, nor be needed for a replay."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "kept_manager.py").write_text(MANAGER)
    (tmp_path / "target.py").write_text(WRAPPER)
    examination = open_target(f"{tmp_path / 'target.py'}:Target")
    verdict = examine(examination, seconds=3, schedules=50, checks=("isolation",))
    assert any(note.startswith("state outlives the factory") for note in verdict.notes)
    (leak,) = verdict.checks[0].violations
    example = read(leak.replay)
    fresh = dataclasses.replace(examination, factory=examination.fresh())
    assert CHECKS["isolation"](fresh.play(example.program, example.tape)).violations


# -- memory that rises and falls by itself -------------------------------------------------------------------------


class Tidying(Hub):
    """Notes are tidied up when there are many, as a database's driver does with what it has handed out."""

    def __init__(self):
        super().__init__()
        self.notes = []

    async def disconnect(self, user_id, websocket):
        await super().disconnect(user_id, websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]

    async def broadcast_to_user(self, user_id, event):
        self.notes.append([user_id])
        if len(self.notes) > 50:
            self.notes.clear()
        await super().broadcast_to_user(user_id, event)


class TidyingAllButNames(Tidying):
    async def connect(self, user_id, websocket):
        self.names = getattr(self, "names", [])
        self.names.append([user_id])
        await super().connect(user_id, websocket)


def test_memory_that_rises_and_falls_by_itself_hides_no_growth():
    assert growth(open_target(TidyingAllButNames).play) == MORE_COUNTS


def test_and_is_none():
    target = open_target(Tidying)
    assert growth(target.play) == ()
    assert all(control.caught for control in controls(target, ("cleanup",)))


# -- a broadcaster that keeps the thread a little with each event ------------------------------------------------------


class Sleeping(Hub):
    async def broadcast_to_user(self, user_id, event):
        time.sleep(0.01)
        await super().broadcast_to_user(user_id, event)


def test_too_slow_to_be_explored_is_said_with_what_to_do():
    verdict = examine(open_target(Sleeping), seconds=0.1, checks=("order",))
    assert "22 deliveries took" in verdict.notes[-1]  # of more than ten events, 0.01 s each, in each of 64 schedules
    assert int(verdict.notes[-1].rpartition("--budget ")[2]) > 64 * 10 * 0.01


# -- tasks that begin at once ------------------------------------------------------------------------------------------


if sys.version_info >= (3, 12):

    class Eager(Hub):
        async def connect(self, user_id, websocket):
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            await super().connect(user_id, websocket)

    def test_a_caller_of_an_eager_call_may_give_up():
        program = Program(("alice", "bob"), (0, 1), ((Connect(0), Stall(0), Publish(0)), (Wait(1.0), Cancel(0))))
        history = open_target(Eager).play(program)
        (publish,) = [call for call in history.calls if call.kind == "publish" and not call.probe]
        assert publish.status == CANCELLED and publish.excused
        assert not any(result.violations for result in check_all(history).values())


# -- a connect that returns False --------------------------------------------------------------------------------------


class First(Hub):
    """Says whether it is the user's first connection."""

    async def connect(self, user_id, websocket):
        await super().connect(user_id, websocket)
        return len(self.sockets[user_id]) == 1


class OneOnly(Hub):
    async def connect(self, user_id, websocket):
        if self.sockets.get(user_id):
            return False
        return await super().connect(user_id, websocket)


@pytest.mark.parametrize(("hub", "refuses"), [(First, False), (OneOnly, True)])
def test_false_is_a_refusal_where_nothing_is_sent_to_whom_it_is_said(hub, refuses):
    target = open_target(hub)
    history = target.play(control_program())
    assert [e.refused for e in history.episodes if e.user == 2] == [False, refuses]
    assert not any(result.violations for result in check_all(history).values())


class FirstAlone(First):
    """Forgets, when a user's first connection leaves, all that came after it."""

    async def disconnect(self, user_id, websocket):
        if self.sockets[user_id][:1] == [websocket]:
            del self.sockets[user_id][1:]
        if websocket in self.sockets[user_id]:
            self.sockets[user_id].remove(websocket)


def test_what_is_lost_to_a_connection_that_was_told_false_is_lost():
    program = Program(("alice",), (0, 0), ((Connect(0), Connect(1), Disconnect(0), Publish(0)),))
    assert CHECKS["delivery"](open_target(FirstAlone).play(program)).violations
