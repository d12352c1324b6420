"""How a broadcaster's methods are found, and what each of their parameters is given."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import pytest

from crosstalk.checks import CHECKS
from crosstalk.examination import control_program, open_target
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.targets.in_process import Adapter, NotABroadcaster

GIVEN = {
    "socket": "<socket>",
    "id": "<id>",
    "chosen": "<chosen>",
    "event": {"type": "t"},
    "text": "<text>",
    "bytes": b"<bytes>",
    "type": "<type>",
    "run_id": "<run>",
    "thread_id": "<thread>",
}


class WebSocket:
    """Only its name matters."""


class Log:
    """Keeps what each method was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def note(self, *what: Any) -> None:
        self.calls.append(what)


class Usual(Log):
    async def connect(self, user_id, websocket):
        self.note(user_id, websocket)

    async def disconnect(self, user_id, websocket):
        self.note(user_id, websocket)

    async def broadcast_to_user(self, user_id, event):
        self.note(user_id, event)


class SocketFirst(Log):
    def add_connection(self, websocket, user_id):
        self.note(user_id, websocket)

    def remove_connection(self, ws, uid):
        self.note(uid, ws)

    def send_personal_message(self, message, user_id):
        self.note(user_id, message)


class Annotated(Log):
    def register(self, who: WebSocket, whose: str):
        self.note(whose, who)

    def unregister(self, whose: str, who: WebSocket):
        self.note(whose, who)

    def emit_to_user(self, whose: str, what: dict):
        self.note(whose, what)


class KeywordsOnly(Log):
    async def subscribe(self, *, socket, user):
        self.note(user, socket)

    async def unsubscribe(self, *, user, socket):
        self.note(user, socket)

    async def publish(self, *, user, payload):
        self.note(user, payload)


class Defaults(Log):
    def join(self, user_id, websocket, room="lobby", limit=3):
        self.note(user_id, websocket, room, limit)

    def leave(self, user_id, websocket, reason=None):
        self.note(user_id, websocket)

    def send_to_user(self, user_id, event, retries=2):
        self.note(user_id, event)


class AnyArguments(Log):
    def connect(self, *arguments):
        self.note(*arguments)

    def disconnect(self, *arguments):
        self.note(*arguments)

    def publish(self, *arguments):
        self.note(*arguments)


@pytest.mark.parametrize("kind", [Usual, SocketFirst, Annotated, KeywordsOnly, Defaults, AnyArguments])
def test_user_socket_and_event_reach_their_parameters(kind):
    broadcaster = kind()
    for call in Adapter(broadcaster).bind(broadcaster):
        value = call("alice", GIVEN)
        if value is not None:
            asyncio.run(value)
    connected, disconnected, published = broadcaster.calls
    assert connected[:2] == disconnected == ("alice", "<socket>")
    assert published == ("alice", {"type": "t"})


class Typed(Log):
    def connect(self, user_id, connection_id, websocket):
        self.note(user_id, connection_id, websocket)

    def disconnect(self, connection_id):
        self.note(connection_id)

    def send_to_user(self, user_id, event_type, data, run_id=None, thread_id=None):
        self.note(user_id, event_type, data, run_id, thread_id)


class NameFirst(Log):
    def connect(self, user_id, tab_id, websocket):
        self.note(user_id, tab_id, websocket)

    def disconnect(self, user_id, tab_id):
        self.note(user_id, tab_id)

    def emit_to_user(self, user_id, name, payload):
        self.note(user_id, name, payload)


def test_ids_types_runs_and_threads_are_given_where_they_are_asked_for():
    for kind, wanted in (
        (Typed, [("alice", "<id>", "<socket>"), ("<id>",), ("alice", "<type>", {"type": "t"}, "<run>", "<thread>")]),
        (NameFirst, [("alice", "<chosen>", "<socket>"), ("alice", "<chosen>"), ("alice", "<type>", {"type": "t"})]),
    ):
        broadcaster = kind()
        for call in Adapter(broadcaster).bind(broadcaster):
            call("alice", GIVEN)
        assert broadcaster.calls == wanted


class Numbered(Log):
    def connect(self, user_id: int, websocket):
        self.note(user_id)

    def disconnect(self, user_id: int, websocket):
        self.note(user_id)

    def broadcast(self, message: dict, user_ids: list[int]):
        self.note(message, user_ids)


def test_a_list_of_users_and_users_who_are_numbers():
    broadcaster = Numbered()
    adapter = Adapter(broadcaster)
    (user,) = adapter.names(("alice",))
    for call in adapter.bind(broadcaster):
        call(user, GIVEN)
    assert broadcaster.calls == [(1,), (1,), ({"type": "t"}, [1])]


class TypeAndData(Numbered):
    broadcast = None

    def send_to_user(self, user_id, event: str, payload: dict | None = None):
        self.note(user_id, event, payload)


class OthersToo(Usual):
    def broadcast_to_user(self, user_id, event, recipients=()):
        self.note(user_id, event, recipients)


def test_text_beside_a_payload_is_its_type_and_a_list_beside_the_user_is_left_out():
    for kind, wanted in (
        (TypeAndData, (1, "<type>", {"type": "t"})),
        (OthersToo, ("1", {"type": "t"}, ())),
    ):
        broadcaster = kind()
        Adapter(broadcaster).bind(broadcaster)[2]("1", GIVEN)
        assert broadcaster.calls == [wanted]


class Text(Log):
    def connect(self, user_id, websocket): ...
    def disconnect(self, user_id, websocket): ...
    def send_to_user(self, user_id: str, message: str):
        self.note(message)


class Bytes(Text):
    def send_to_user(self, user_id: str, message: bytes):
        self.note(message)


@pytest.mark.parametrize(("kind", "form"), [(Text, "text"), (Bytes, "bytes"), (Usual, "dict")])
def test_the_event_is_given_in_the_form_that_is_annotated(kind, form):
    adapter = Adapter(kind())
    assert adapter.form == form
    if form != "dict":
        broadcaster = kind()
        adapter.bind(broadcaster)[2]("alice", GIVEN)
        assert broadcaster.calls == [(GIVEN[form],)]


class OnlyTakesText:
    """Nothing in the signature says so: it is found out by trying."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def send_to_user(self, user_id, data):
        for websocket in list(self.sockets.get(user_id, ())):
            await websocket.send_text(data.strip())


def test_a_broadcaster_that_takes_text_is_found_out_by_trying():
    examination = open_target(OnlyTakesText)
    assert examination.adapter.form == "text"
    history = examination.play(control_program())
    assert len(history.send_start) and not CHECKS["crash"](history).violations


class Own(Log):
    def open_for(self, user_id, websocket):
        self.note("open")

    def shut_for(self, user_id, websocket):
        self.note("shut")

    def tell(self, user_id, event):
        self.note("tell")

    def connect(self):
        raise AssertionError("not this one")


def test_names_that_are_given_win():
    broadcaster = Own()
    names = {"connect": "open_for", "disconnect": "shut_for", "publish": "tell"}
    for call in Adapter(broadcaster, names).bind(broadcaster):
        call("alice", GIVEN)
    assert broadcaster.calls == [("open",), ("shut",), ("tell",)]


class NoDisconnect:
    def connect(self, user_id, websocket): ...
    def publish(self, user_id, event): ...


class WantsMore:
    def connect(self, user_id, websocket, database, cache): ...
    def disconnect(self, user_id, websocket): ...
    def publish(self, user_id, event): ...


class ToAll:
    def connect(self, user_id, websocket): ...
    def disconnect(self, user_id, websocket): ...
    def broadcast(self, event): ...


class ToASocket:
    def connect(self, user_id, websocket): ...
    def disconnect(self, user_id, websocket): ...
    def send_personal_message(self, message, websocket: WebSocket): ...


@dataclass
class WebSocketMessage:
    type: str


class TakesAnObject(Usual):
    def broadcast_to_user(self, user_id, message: WebSocketMessage): ...


class NotToldWhose(Usual):
    def connect(self, websocket): ...


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (TakesAnObject, "TakesAnObject.broadcast_to_user takes a WebSocketMessage, and crosstalk publishes dicts"),
        (NotToldWhose, "NotToldWhose.connect(websocket) is not told whose connection it is"),
        (NoDisconnect, "NoDisconnect has no method to disconnect a user: looked for disconnect, "),
        (WantsMore, "WantsMore.connect(user_id, websocket, database, cache) is not understood"),
        (ToAll, "ToAll.broadcast(event) is not understood"),
        (ToASocket, "ToASocket.send_personal_message(message, websocket) is not understood"),
    ],
)
def test_what_cannot_be_called_is_refused_with_what_to_do(kind, words):
    with pytest.raises(NotABroadcaster) as refused:
        Adapter(kind())
    assert str(refused.value).startswith(words)
    assert "wrap it" in str(refused.value) or "Wrap the broadcaster" in str(refused.value)


def test_a_method_named_that_is_not_there_is_said():
    with pytest.raises(NotABroadcaster, match="looked for tell"):
        Adapter(Usual(), {"publish": "tell"})


class GivesAQueue:
    """The reader of the queue is the socket's handler."""

    def __init__(self):
        self.queues = {}

    def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, []).append(queue)
        return queue

    def unsubscribe(self, user_id, queue):
        self.queues[user_id].remove(queue)

    def publish(self, user_id, event):
        for queue in self.queues.get(user_id, ()):
            queue.put_nowait(event)


class GivesAnIterator:
    def __init__(self):
        self.queues = {}

    async def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, []).append(queue)

        async def events():
            try:
                while True:
                    yield await queue.get()
            finally:
                self.queues[user_id].remove(queue)

        return events()

    async def unsubscribe(self, user_id, stream):
        await stream.aclose()

    async def publish(self, user_id, event):
        for queue in self.queues.get(user_id, ()):
            queue.put_nowait(event)


@pytest.mark.parametrize("kind", [GivesAQueue, GivesAnIterator])
def test_what_a_connect_returns_is_read_from(kind):
    examination = open_target(kind)
    assert examination.adapter.reads
    history = examination.play(control_program())
    delivered = [history.frames[number].content for number in history.send_frame]
    assert len(set(delivered)) > 8
    found = {name for name, check in CHECKS.items() if check(history).violations}
    assert "isolation" not in found and "delivery" not in found


class Started:
    """Sends nothing before it has been started."""

    def __init__(self):
        self.sockets = {}
        self.running = False

    async def start(self):
        self.running = True

    def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        for websocket in list(self.sockets.get(user_id, ())):
            if self.running:
                await websocket.send_json(event)


def test_what_has_to_be_started_is_and_nothing_else():
    assert open_target(Started).adapter.start == "start"

    class NeverMind(Started):
        async def broadcast_to_user(self, user_id, event):
            self.running = True
            await super().broadcast_to_user(user_id, event)

    assert open_target(NeverMind).adapter.start == ""


class Beating(Started):
    """Starts a task in its constructor, which no cancellation ends."""

    start = None

    def __init__(self):
        super().__init__()
        self.running = True
        self.beats = asyncio.create_task(self.beat())

    async def beat(self):
        while self.sockets is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(30)


async def factory():
    return Beating()


@pytest.mark.parametrize("target", [Beating, factory])
def test_a_constructor_may_start_tasks(target, caplog):
    examination = open_target(target)
    history, _ = examination.run(control_program(), Plain())
    assert not any(check(history).violations for name, check in CHECKS.items() if name != "cleanup")
    assert caplog.text == ""
