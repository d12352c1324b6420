"""The socket a broadcaster is given: Starlette's surface, ASGI's below it, and the `websockets` connection's.

Each test plays a scenario on a broadcaster that hands its socket to the test, with the real libraries beside it.
"""

import datetime
import json
import subprocess
import sys

import pytest
import websockets
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from websockets.protocol import State

from crosstalk.checks import CHECKS
from crosstalk.model.history import ACCEPTED, NEVER, PENDING
from crosstalk.scenarios.stage import perform
from crosstalk.targets.in_process import Adapter


def play(scenario, connecting=None, publishing=None):
    """Play `scenario` on a broadcaster that keeps its sockets; returns (history, what the two functions returned).

    `connecting(socket)` is awaited by connect, `publishing(socket, event)` by publish, on the user's latest socket.
    """
    seen = []

    async def watched(coroutine):
        try:
            seen.append(await coroutine)
        except Exception as error:
            seen.append(error)

    class Hub:
        def __init__(self):
            self.sockets = {}

        async def connect(self, user_id, websocket):
            self.sockets[user_id] = websocket
            if connecting is not None:
                await watched(connecting(websocket))

        async def disconnect(self, user_id, websocket):
            pass

        async def publish(self, user_id, event):
            if publishing is not None and event["type"] != "probe":
                await watched(publishing(self.sockets[user_id], event))

    history = perform(scenario, ("alice", "bob"), Hub, Adapter(Hub()))
    assert not history.crashes
    return history, seen


SENDS = {
    "send_json": lambda socket, event: socket.send_json(event),
    "send_text": lambda socket, event: socket.send_text(json.dumps(event)),
    "send_bytes": lambda socket, event: socket.send_bytes(json.dumps(event).encode()),
    "websockets, text": lambda socket, event: socket.send(json.dumps(event)),
    "websockets, bytes": lambda socket, event: socket.send(json.dumps(event).encode()),
    "asgi, text": lambda socket, event: socket.send({"type": "websocket.send", "text": json.dumps(event)}),
    "asgi, bytes": lambda socket, event: socket.send(
        {"type": "websocket.send", "text": None, "bytes": json.dumps(event).encode()}
    ),
}


@pytest.mark.parametrize("way", SENDS)
def test_each_way_to_send_records_the_event(way):
    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")

    history, seen = play(scenario, publishing=SENDS[way])
    assert seen == [None]
    (frame,) = history.frames
    assert (frame.content, frame.altered, frame.type) == (0, "", "partial_result")
    assert list(history.send_status) == [ACCEPTED]


@pytest.mark.parametrize("way", SENDS)
def test_a_send_to_a_peer_that_is_gone_raises_what_each_library_raises(way):
    def scenario(stage):
        alice = stage.connect("alice")
        stage.fail(alice)
        stage.publish("alice")

    _, (error,) = play(scenario, publishing=SENDS[way])
    assert isinstance(error, ConnectionResetError)
    assert isinstance(error, WebSocketDisconnect)
    assert isinstance(error, ConnectionClosedError)
    assert not isinstance(error, ConnectionClosedOK)
    assert (error.code, error.reason, error.rcvd, error.sent) == (1006, "", None, None)
    assert f"{type(error).__name__}: {error}" == "ConnectionResetError: the peer has gone"


@pytest.mark.parametrize("way", SENDS)
def test_a_send_that_waits_while_the_peer_goes_raises_too(way):
    def scenario(stage):
        alice = stage.connect("alice")
        stage.hold(alice)
        stage.publish("alice")
        stage.fail(alice)

    _, (error,) = play(scenario, publishing=SENDS[way])
    assert isinstance(error, ConnectionResetError)
    assert isinstance(error, WebSocketDisconnect)
    assert isinstance(error, ConnectionClosedError)


@pytest.mark.parametrize("way", SENDS)
def test_a_send_after_the_broadcaster_closed_raises_what_each_library_raises(way):
    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")

    history, (_, error) = play(scenario, connecting=lambda socket: socket.close(1008), publishing=SENDS[way])
    assert isinstance(error, RuntimeError)
    assert isinstance(error, ConnectionClosedOK)
    assert not isinstance(error, ConnectionError)
    assert f"{type(error).__name__}: {error}" == 'RuntimeError: Cannot call "send" once a close message has been sent.'
    assert history.episodes[0].excused < NEVER


class Careless:
    """Lets a dead socket's error out to the publisher of its user."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets[user_id] = websocket

    async def disconnect(self, user_id, websocket):
        pass

    async def publish(self, user_id, event):
        await self.sockets[user_id].send_json(event)


class Confused(Careless):
    """Lets it out to whoever publishes."""

    async def publish(self, user_id, event):
        await self.sockets["alice"].send_json(event)


def test_a_dead_sockets_error_is_excused_towards_its_own_user_only():
    def scenario(stage):
        alice = stage.connect("alice")
        stage.connect("bob")
        stage.fail(alice)
        stage.publish("alice")
        stage.publish("bob")

    def crashes(hub):
        history = perform(scenario, ("alice", "bob"), hub, Adapter(hub()))
        return {violation.users for violation in CHECKS["crash"](history).violations}

    assert crashes(Careless) == set()
    assert crashes(Confused) == {("bob",)}


WITHOUT = """
import sys
from crosstalk.scenarios.stage import perform
from crosstalk.targets.in_process import Adapter
assert not {"starlette", "websockets"} & set(sys.modules)
seen = []
class Hub:
    async def connect(self, user_id, websocket):
        self.websocket = websocket
    async def disconnect(self, user_id, websocket):
        pass
    async def publish(self, user_id, event):
        if event["type"] == "probe":
            return
        state = self.websocket.client_state
        seen.append((state.name, state.value, type(self.websocket.state).__name__))
        try:
            await self.websocket.send_json(event)
        except Exception as error:
            seen.append(type(error) is ConnectionResetError)
def scenario(stage):
    alice = stage.connect("alice")
    stage.publish("alice")
    stage.fail(alice)
    stage.publish("alice")
perform(scenario, ("alice",), Hub, Adapter(Hub()))
assert not {"starlette", "websockets"} & set(sys.modules)
assert seen == [("CONNECTED", 1, "_OwnState"), ("DISCONNECTED", 2, "_OwnState"), True], seen
"""


def test_nothing_of_either_library_is_needed():
    """Without them the states go by name and value, and a dead send raises ConnectionResetError itself."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


async def starlette_states(socket, event=None):
    return socket.client_state, socket.application_state


def test_states_are_starlettes_members():
    def scenario(stage):
        alice = stage.connect("alice")
        stage.publish("alice")
        stage.fail(alice)
        stage.publish("alice")
        bob = stage.connect("bob")
        stage.disconnect(bob)
        stage.publish("bob")

    connected, disconnected = WebSocketState.CONNECTED, WebSocketState.DISCONNECTED
    _, seen = play(scenario, publishing=starlette_states)
    assert [
        client is expected for (client, _), expected in zip(seen, (connected, disconnected, disconnected), strict=True)
    ] == [True, True, True]
    assert seen[0][1] is connected


def test_the_applications_state_follows_its_own_close_and_a_failed_send():
    async def closing(socket, event):
        await socket.close()
        return socket.application_state

    async def failing(socket, event):
        before = socket.application_state
        with pytest.raises(WebSocketDisconnect):
            await socket.send_json(event)
        return before, socket.application_state

    def closed(stage):
        stage.connect("alice")
        stage.publish("alice")

    def gone(stage):
        alice = stage.connect("alice")
        stage.fail(alice)
        stage.publish("alice")

    assert play(closed, publishing=closing)[1] == [WebSocketState.DISCONNECTED]
    assert play(gone, publishing=failing)[1] == [(WebSocketState.CONNECTED, WebSocketState.DISCONNECTED)]


def test_a_socket_is_connected_again_when_it_is_used_again():
    def scenario(stage):
        first = stage.connect("alice")
        stage.disconnect(first)
        stage.connect("alice", reuse=first)
        stage.publish("alice")

    history, seen = play(scenario, publishing=starlette_states)
    assert [episode.socket for episode in history.episodes] == [0, 0]
    assert seen == [(WebSocketState.CONNECTED, WebSocketState.CONNECTED)]


# -- Starlette's own object on the socket ------------------------------------------------------------------------


async def wrapped(socket):
    websocket = WebSocket(socket.scope, socket.receive, socket.send)
    await websocket.accept()
    socket.wrapper = websocket
    return websocket


def test_starlettes_own_websocket_accepts_sends_and_closes():
    async def act(socket, event):
        if event["type"] == "agent_completed":
            await socket.wrapper.close(1001)
        else:
            await socket.wrapper.send_json(event)

    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")
        stage.publish("alice", "agent_completed")

    history, seen = play(scenario, connecting=wrapped, publishing=act)
    websocket = seen[0]
    assert seen[1:] == [None, None]
    assert websocket.application_state is WebSocketState.DISCONNECTED
    assert [frame.content for frame in history.frames] == [0]
    assert list(history.send_status) == [ACCEPTED]
    assert history.episodes[0].excused < NEVER
    assert str(websocket.url) == "ws://testserver/ws"
    assert websocket.headers["host"] == "testserver"
    assert tuple(websocket.client) == ("127.0.0.1", 40_000)


def test_starlettes_own_websocket_is_told_that_the_peer_has_gone():
    async def act(socket, event):
        await socket.wrapper.send_json(event)

    def scenario(stage):
        alice = stage.connect("alice")
        stage.fail(alice)
        stage.publish("alice")
        stage.publish("alice")

    _, (websocket, first, second) = play(scenario, connecting=wrapped, publishing=act)
    assert type(first) is WebSocketDisconnect
    assert first.code == 1006
    assert isinstance(second, RuntimeError)
    assert websocket.application_state is WebSocketState.DISCONNECTED


@pytest.mark.parametrize(("gone", "code"), [(False, 1000), (True, 1006)])
def test_starlettes_own_websocket_receives_the_end(gone, code):
    async def act(socket, event):
        await socket.wrapper.receive_text()

    def scenario(stage):
        alice = stage.connect("alice")
        reading = stage.start_publish("alice")
        stage.settle()
        assert not reading.done
        stage.disconnect(alice, gone=gone)
        assert reading.done

    history, (websocket, error) = play(scenario, connecting=wrapped, publishing=act)
    assert type(error) is WebSocketDisconnect
    assert error.code == code
    assert websocket.client_state is WebSocketState.DISCONNECTED
    assert not any(call.status == PENDING for call in history.calls)


def test_a_socket_that_was_accepted_is_not_used_again():
    def scenario(stage):
        first = stage.connect("alice")
        stage.disconnect(first)
        stage.connect("alice", reuse=first)

    for accepting in (wrapped, lambda socket: socket.accept()):
        history, _ = play(scenario, connecting=accepting)
        assert [call.kind for call in history.calls if call.status == PENDING] == []
        assert [episode.socket for episode in history.episodes] == [0, 1]


def test_receive_begins_with_connect_unless_the_connection_was_accepted():
    async def plain(socket):
        return await socket.receive()

    async def accepted(socket):
        await socket.accept()
        return await socket.receive()

    def scenario(stage):
        stage.connect("alice")

    assert play(scenario, connecting=plain)[1] == [{"type": "websocket.connect"}]
    assert play(scenario, connecting=accepted)[1] == []  # it waits: nothing ever comes in


def test_a_second_receive_after_the_end_raises_as_starlettes_does():
    async def act(socket, event):
        return await socket.receive()

    async def greeted(socket):
        await socket.accept()

    def scenario(stage):
        alice = stage.connect("alice")
        stage.fail(alice)
        stage.publish("alice")
        stage.publish("alice")

    _, (_, message, error) = play(scenario, connecting=greeted, publishing=act)
    assert message == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    assert type(error) is RuntimeError


# -- the websockets connection -----------------------------------------------------------------------------------


def read(reader, gone):
    """What `reader(socket)` comes to when it waits while the connection ends."""

    async def act(socket, event):
        return await reader(socket)

    def scenario(stage):
        alice = stage.connect("alice")
        stage.publish("alice")
        stage.disconnect(alice, gone=gone)

    _, (outcome,) = play(scenario, publishing=act)
    return outcome


async def iterate(socket):
    async for _ in socket:
        pass
    return "ended"


async def iterate_text(socket):
    async for _ in socket.iter_text():
        pass
    return "ended"


def test_reading_ends_as_the_libraries_end_it():
    assert type(read(lambda s: s.recv(), gone=True)).__mro__.count(ConnectionClosedError) == 1
    assert isinstance(read(lambda s: s.recv(), gone=False), ConnectionClosedOK)
    assert isinstance(read(lambda s: s.receive_json(), gone=False), WebSocketDisconnect)
    assert isinstance(read(iterate, gone=True), ConnectionClosedError)
    assert read(iterate, gone=False) == "ended"
    assert read(iterate_text, gone=True) == "ended"
    assert read(iterate_text, gone=False) == "ended"
    assert read(lambda s: s.wait_closed(), gone=True) is None


def test_reading_after_the_end_raises_at_once():
    async def act(socket, event):
        await socket.receive_text()

    def scenario(stage):
        alice = stage.connect("alice")
        stage.disconnect(alice)
        reading = stage.publish("alice")
        assert reading.done

    _, (error,) = play(scenario, publishing=act)
    assert isinstance(error, WebSocketDisconnect)
    assert isinstance(error, ConnectionClosed)


def test_the_state_is_websockets_own_to_modules_that_use_it():
    async def act(socket, event):
        starlettes = eval("lambda socket: socket.state", {})(socket)
        return socket.state, starlettes

    def scenario(stage):
        alice = stage.connect("alice")
        stage.publish("alice")
        stage.fail(alice)
        stage.publish("alice")

    _, ((first, own), (second, again)) = play(scenario, publishing=act)
    assert first is State.OPEN
    assert second is State.CLOSED
    assert own is again
    assert own == State.CLOSED


def test_attributes_of_the_broadcasters_own_may_be_set():
    async def act(socket, event):
        socket.user = "alice"
        eval("lambda socket: setattr(socket.state, 'user', 'bob')", {})(socket)
        return socket.user, eval("lambda socket: socket.state.user", {})(socket)

    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")

    assert play(scenario, publishing=act)[1] == [("alice", "bob")]


def test_ids_and_addresses_are_unique_and_the_same_again():
    async def of(socket):
        return socket.id, tuple(socket.remote_address)

    def scenario(stage):
        stage.connect("alice")
        stage.connect("bob")

    first, second = play(scenario, connecting=of)[1], play(scenario, connecting=of)[1]
    assert first == second
    assert len({identity for identity, _ in first}) == len({address for _, address in first}) == 2


def test_a_pong_comes_unless_the_connection_is_stalled_or_dead():
    async def act(socket, event):
        return await (await socket.ping())

    def scenario(stage):
        alice = stage.connect("alice")
        stage.publish("alice")
        stage.fail(alice)
        stage.publish("alice")

    def stalled(stage):
        alice = stage.connect("alice")
        stage.hold(alice)
        waiting = stage.publish("alice")
        assert not waiting.done

    _, (latency, error) = play(scenario, publishing=act)
    assert latency == 0.0
    assert isinstance(error, ConnectionClosed)
    play(stalled, publishing=act)


async def broadcasting(socket, event):
    websockets.broadcast({socket}, json.dumps(event))


def test_websockets_broadcast_writes_at_once_and_waits_for_nobody():
    def scenario(stage):
        alice = stage.connect("alice")
        stage.hold(alice)
        for _ in range(2):
            assert stage.publish("alice").done
        assert stage.waiting(alice) == 2

    history, seen = play(scenario, publishing=broadcasting)
    assert seen == [None, None]
    assert [history.frames[number].content for number in history.send_frame] == [0, 1]
    assert list(history.send_status) == [ACCEPTED, ACCEPTED]
    assert history.leftover_tasks == ()


def test_websockets_broadcast_skips_what_is_closed_and_survives_what_dies():
    def scenario(stage):
        alice = stage.connect("alice")
        stage.hold(alice)
        stage.publish("alice")
        stage.fail(alice)
        stage.publish("alice")

    history, seen = play(scenario, publishing=broadcasting)
    assert seen == [None, None]
    assert len(history.send_start) == 1
    assert history.send_status[0] != ACCEPTED


async def closed_as_seen(socket, event):
    return socket.closed, socket.open, socket.close_code


def test_closed_is_told_as_the_older_websockets_and_aiohttp_tell_it():
    def scenario(stage):
        alice = stage.connect("alice")
        stage.publish("alice")
        stage.disconnect(alice)
        stage.publish("alice")
        bob = stage.connect("bob")
        stage.fail(bob)
        stage.publish("bob")

    assert play(scenario, publishing=closed_as_seen)[1] == [
        (False, True, None),
        (True, False, 1000),
        (True, False, 1006),
    ]


# -- encoding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [{1: None}, {None: 1}, {"big": 1 << 70}, {"list": [1, (2, 3)]}, {"text": "caf\u00e9 \ud83d"}, [1], "text", None],
    ids=repr,
)
def test_what_json_encodes_is_encoded_alike(value):
    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")

    history, seen = play(scenario, publishing=lambda socket, event: socket.send_json(value))
    assert seen == [None]
    expected = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert history.frames[0].sample == expected.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "value", [datetime.datetime(2025, 1, 1), {1}, b"bytes", object()], ids=lambda v: type(v).__name__
)
def test_what_json_cannot_encode_is_a_type_error_as_on_starlettes(value):
    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")

    for data in ({"at": value}, {"payload": {"deep": {"at": value}}}, [value]):
        with pytest.raises(TypeError):
            json.dumps(data)
        history, (error,) = play(scenario, publishing=lambda socket, event, data=data: socket.send_json(data))
        assert type(error) is TypeError
        assert not len(history.send_start)


def test_a_circular_event_is_a_value_error_as_on_starlettes():
    def scenario(stage):
        stage.connect("alice")
        stage.publish("alice")

    async def circular(socket, event):
        event["self"] = event
        await socket.send_json(event)

    _, (error,) = play(scenario, publishing=circular)
    assert type(error) is ValueError
