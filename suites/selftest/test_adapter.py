"""How a broadcaster's methods are found, and what each of their parameters is given."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from crosstalk.checks import CHECKS
from crosstalk.examination import control_program, open_target
from crosstalk.schedule.strategies import plain
from crosstalk.targets.in_process import Adapter
from crosstalk.targets.plan import NotABroadcaster

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


# -- whom an event is for is what publish asks for ----------------------------------------------------------------


class Rooms(Log):
    """Two connections in one room, told apart by who they are."""

    def connect(self, websocket, room_id: str, username: str):
        self.note(room_id, username, websocket)

    def disconnect(self, room_id: str, username: str):
        self.note(room_id, username)

    def broadcast(self, room_id: str, message: dict, exclude_websocket: WebSocket | None = None):
        self.note(room_id, message)


class RoomsOfUsers(Log):
    """The room is named in each call: it is one for all."""

    def connect(self, websocket, room_id: int, user_id: str):
        self.note(room_id, user_id, websocket)

    def disconnect(self, websocket, room_id: int, user_id: str):
        self.note(room_id, user_id)

    def send_to_user(self, room_id: int, user_id: str, message: dict):
        self.note(room_id, user_id, message)


class WorkspacesOnly(Log):
    """Publish asks for no workspace: each user has its own."""

    def connect(self, websocket, workspace_id: str, user_id: str, username: str):
        self.note(workspace_id, user_id, username)
        return "link"

    def disconnect(self, connection_id: str):
        self.note(connection_id)

    def send_to_user(self, user_id: str, message: dict):
        self.note(user_id, message)


class Sessions(Log):
    """Connections have an id, and nobody has a name."""

    def connect(self, websocket, session_id: str, info: dict | None = None):
        self.note(session_id, websocket)

    def disconnect(self, session_id: str):
        self.note(session_id)

    def send_personal_message(self, message: dict, session_id: str):
        self.note(session_id, message)


class Runs(Log):
    def connect(self, websocket, run_id: str):
        self.note(run_id, websocket)

    def disconnect(self, websocket, run_id: str):
        self.note(run_id)

    def send_message(self, run_id: str, message: str):
        self.note(run_id, message)


class OtherNames(Log):
    """`subscribe` is not for connections, and `broadcast` not for users."""

    def subscribe(self, event_type: str, callback): ...
    def unsubscribe(self, event_type: str, callback): ...

    def register_websocket(self, websocket, user_id="everybody"):
        self.note(user_id, websocket)

    def unregister_websocket(self, websocket, user_id="everybody"):
        self.note(user_id)

    def broadcast(self, message): ...
    def send_status_update(self, user_id, status, message=""): ...

    def send_post_to_user(self, user_id, post_data):
        self.note(user_id, post_data)


class Plain(Log):
    def connect(self, order_id, ws):
        self.note(order_id, ws)

    def disconnect(self, order_id, ws):
        self.note(order_id)

    def broadcast(self, order_id, text: str):
        self.note(order_id, text)


EVENT = {"type": "t"}


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (Rooms, [("alice", "<id>", "<socket>"), ("alice", "<id>"), ("alice", EVENT)]),
        (RoomsOfUsers, [(1, "alice", "<socket>"), (1, "alice"), (1, "alice", EVENT)]),
        (WorkspacesOnly, [("alice", "alice", "alice"), ("<id>",), ("alice", EVENT)]),
        (Sessions, [("alice", "<socket>"), ("alice",), ("alice", EVENT)]),
        (Runs, [("alice", "<socket>"), ("alice",), ("alice", "<text>")]),
        (OtherNames, [("alice", "<socket>"), ("alice",), ("alice", EVENT)]),
        (Plain, [("alice", "<socket>"), ("alice",), ("alice", "<text>")]),
    ],
)
def test_whom_an_event_is_for_is_what_publish_asks_for(kind, calls):
    broadcaster = kind()
    for call in Adapter(broadcaster).bind(broadcaster):
        call("alice", GIVEN)
    assert broadcaster.calls == calls


class Jobs(Log):
    """A connection is one, and joins what events are about by another call."""

    def connect(self, websocket, connection_id: str): ...
    def disconnect(self, connection_id: str): ...
    def subscribe_to_job(self, connection_id: str, job_id: str): ...
    def send_job_update(self, job_id: str, data: dict): ...


def test_who_is_addressed_by_what_no_connect_takes_is_not_guessed_at():
    with pytest.raises(NotABroadcaster, match="is not told whose connection it is"):
        Adapter(Jobs())


class Player:
    id: int


class OfObjects(Usual):
    def connect(self, websocket, user: Player): ...


class ToObjects(Usual):
    def broadcast_to_user(self, users: list[Player], event): ...


def test_a_user_that_is_an_object_is_not_given_an_id():
    for kind in (OfObjects, ToObjects):
        with pytest.raises(NotABroadcaster, match=r"is not (understood|told)"):
            Adapter(kind())


# -- events of the broadcaster's own class -------------------------------------------------------------------------


class Kind(Enum):
    STATUS = "status"
    MESSAGE = "message"


@dataclass
class Dataclass:
    type: str
    data: dict[str, Any]
    timestamp: datetime
    user_id: str | None = None
    priority: int = 5


class Pydantic(BaseModel):
    event: Kind
    payload: dict[str, Any]
    id: str
    source: str | None


class Struct(msgspec.Struct):
    user_id: str
    message: str


def sent(kind):
    class Takes(Usual):
        def broadcast_to_user(self, user_id, event):
            self.note(user_id, event)

        broadcast_to_user.__annotations__["event"] = kind

    broadcaster = Takes()
    Adapter(broadcaster).bind(broadcaster)[2]("alice", GIVEN)
    ((user, event),) = broadcaster.calls
    assert user == "alice" and type(event) is kind
    return event


def test_an_event_is_made_of_the_class_that_is_asked_for():
    event = sent(Dataclass)
    assert (event.type, event.data, event.user_id, event.priority) == ("<type>", EVENT, "alice", 5)
    assert event.timestamp.tzinfo is UTC
    event = sent(Pydantic)
    assert (event.event, event.payload, event.id, event.source) == (Kind.STATUS, EVENT, "", None)
    assert sent(Struct) == Struct("alice", '{"type": "t"}')


class TypedByAnEnum(Usual):
    def broadcast_to_user(self, user_id, event_type: Kind, data: dict):
        self.note(event_type, data)


def test_a_type_that_is_an_enum_is_a_member():
    broadcaster = TypedByAnEnum()
    for type_, member in (("message", Kind.MESSAGE), ("agent_started", Kind.STATUS)):
        Adapter(broadcaster).bind(broadcaster)[2]("alice", {**GIVEN, "type": type_})
        assert broadcaster.calls.pop() == (member, EVENT)


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
        (ToAll, "ToAll.broadcast(event) takes no user: what is for everybody is nobody's own"),
        (ToASocket, "ToASocket.send_personal_message(message, websocket) is not understood"),
    ],
)
def test_what_cannot_be_called_is_refused_with_what_to_do(kind, words):
    with pytest.raises(NotABroadcaster) as refused:
        Adapter(kind())
    assert str(refused.value).startswith(words)
    assert "wrap it" in str(refused.value) or "rap the broadcaster" in str(refused.value)


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
    history, _ = examination.run(control_program(), plain.Plain())
    assert not any(check(history).violations for name, check in CHECKS.items() if name != "cleanup")
    assert caplog.text == ""
