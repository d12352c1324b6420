"""The simulated end of a connection: what a broadcaster is given, with four surfaces in one object.

* Starlette's `WebSocket`: accept, send_json / send_text / send_bytes, receive_*, iter_*, close, both states, headers.
* ASGI below it: `receive` and `send` with messages, so that `WebSocket(socket.scope, socket.receive, socket.send)` is
  a real Starlette object on a simulated connection.
* The `websockets` connection: send, recv, iteration, close, wait_closed, ping, id, state, and `websockets.broadcast`.
* What else events are handed to: a callback, a queue's put, Tornado's write_message.

Every send is a gate of the schedule. The socket records through `World`, and never interprets what it is sent.

The connection is accepted from the start, since many broadcasters are given an accepted one; `accept` is allowed all
the same, and a connection whose broadcaster accepts it is nobody else's later, since none is accepted twice. No message
ever comes in. A send fails as the broadcaster's own library would fail it (see `ended`), and states are that library's
members where it is loaded; this package imports neither.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import types
import uuid
import weakref
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from crosstalk.model.history import NEVER
from crosstalk.scenarios.write_buffer import Protocol
from crosstalk.targets.library_types import ended, starlette_state, uses_websockets, websockets_state

if TYPE_CHECKING:
    from crosstalk.scenarios.wire import Sending, Wire
    from crosstalk.scenarios.world import World

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_QUICK = msgspec.json.Encoder()
_FLAT = frozenset((str, int, float, bool, type(None)))
_LOGGER = logging.getLogger("crosstalk.socket")


class Address(NamedTuple):
    """As Starlette's: equal to the tuple that `websockets` gives."""

    host: str
    port: int


class Headers(dict[str, str]):
    """Names in lower case, found whatever their case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def getlist(self, name: str) -> list[str]:
        return [self[name]] if name in self else []

    get_all = getlist


class Socket:
    """Hashable and weak-referenceable; its hash is its serial number, so that sets iterate alike in every process.

    As on Starlette's, a broadcaster may set attributes of its own.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_closed",
        "_greeted",
        "_lost",
        "_scope",
        "_serial",
        "_told",
        "_wire",
        "_world",
    )

    subprotocol: str | None = None
    latency = 0.0
    logger = _LOGGER
    send_in_progress = fragmented_send_waiter = _fragmented_message_waiter = None

    def __init__(self, world: World, wire: Wire) -> None:
        self._world = world
        self._wire = wire
        self._serial = wire.serial
        self._closed = False
        self._lost = False
        self._greeted = self._told = -1
        self._scope: dict[str, Any] | None = None

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<socket {self._serial}>"

    def __getattr__(self, name: str) -> NoReturn:
        self._world.history.lacking.add(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # -- what it is ------------------------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        """Whether the peer has closed, orderly or not, or was closed on: its last episode has ended or is ending."""
        wire = self._wire
        return wire.dead is not None or self._world.history.episodes[wire.episode].leaving != NEVER

    @property
    def scope(self) -> dict[str, Any]:
        if self._scope is None:
            self._scope = {
                "type": "websocket",
                "asgi": {"version": "3.0", "spec_version": "2.4"},
                "http_version": "1.1",
                "scheme": "ws",
                "server": ("testserver", 80),
                "client": tuple(self.client),
                "root_path": "",
                "path": "/ws",
                "raw_path": b"/ws",
                "query_string": b"",
                "headers": [(b"host", b"testserver")],
                "subprotocols": [],
                "path_params": {},
                "state": {},
                "extensions": {},
            }
        return self._scope

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    @property
    def client(self) -> Address:
        return Address("127.0.0.1", 40_000 + self._serial)

    remote_address = client

    @property
    def local_address(self) -> Address:
        return Address("testserver", 80)

    @property
    def headers(self) -> Headers:
        return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.scope["headers"])

    request_headers = headers

    @property
    def query_params(self) -> Headers:
        return Headers()

    cookies = query_params

    @property
    def path_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self.scope["path_params"]
        return parameters

    @property
    def path(self) -> str:
        return "/ws"

    @property
    def url(self) -> str:
        return "ws://testserver/ws"

    @property
    def request(self) -> Any:
        return types.SimpleNamespace(path=self.path, headers=self.headers)

    @property
    def id(self) -> uuid.UUID:
        """Unique in its run, and the same in each replay."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.url}/{self._serial}")

    # -- states ----------------------------------------------------------------------------------------------

    @property
    def client_state(self) -> Any:
        return starlette_state("DISCONNECTED" if self._over else "CONNECTED")

    @property
    def application_state(self) -> Any:
        return starlette_state("DISCONNECTED" if self._closed or self._lost else "CONNECTED")

    @property
    def closed(self) -> bool:
        return self._closed or self._over

    @property
    def open(self) -> bool:
        return not self.closed

    @property
    def close_code(self) -> int | None:
        return self._code() if self.closed else None

    @property
    def close_reason(self) -> str | None:
        return "" if self.closed else None

    @property
    def state(self) -> Any:
        """To `websockets` the state of the connection; to Starlette an object to keep attributes of one's own in.

        Where both are loaded, the calling module's globals tell which of them it is about.
        """
        known = websockets_state("CLOSED" if self.closed else "OPEN")
        if known is not None and (
            "starlette.websockets" not in sys.modules or uses_websockets(sys._getframe(1).f_globals)
        ):
            return known
        kept = self.__dict__.get("_state")
        if kept is None:
            kept = self.__dict__["_state"] = _OwnState(self)
        return kept

    def _code(self) -> int:
        return 1006 if isinstance(self._wire.dead, ConnectionError) else 1000

    # -- sending ---------------------------------------------------------------------------------------------

    async def accept(self, subprotocol: str | None = None, headers: Any = None) -> None:
        self._greeted = self._wire.episode
        try:
            await self._world.gate(self._serial, "accept")
            if self._world.adapter.numbers:
                self._world.pass_a_moment()
        except (ConnectionResetError, RuntimeError) as error:
            self._fail(error)
            raise

    async def send_json(self, data: Any, mode: str = "text") -> None:
        try:
            world = self._world
            frame = world.of_event(data)
            sending = world.begin(self._wire, _json(data)) if frame < 0 else world.begin_frame(self._wire, frame)
            if sending is not None:
                await sending
        except (ConnectionResetError, RuntimeError) as error:
            self._fail(error)
            raise

    async def send_text(self, data: str) -> None:
        try:
            sending = self._world.begin(self._wire, data.encode("utf-8", "surrogatepass"))
            if sending is not None:
                await sending
        except (ConnectionResetError, RuntimeError) as error:
            self._fail(error)
            raise

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """As aiohttp calls it."""
        await self.send_text(data)

    async def send_bytes(self, data: bytes) -> None:
        try:
            sending = self._world.begin(self._wire, bytes(data))
            if sending is not None:
                await sending
        except (ConnectionResetError, RuntimeError) as error:
            self._fail(error)
            raise

    async def send(self, message: Any, text: bool | None = None) -> None:
        """An ASGI message, or what `websockets` sends: text or bytes."""
        if isinstance(message, dict) and str(message.get("type", "")).startswith("websocket."):
            match message["type"]:
                case "websocket.send":
                    message = message.get("text") or message.get("bytes") or ""
                case "websocket.accept":
                    return await self.accept()
                case _:
                    return await self.close(message.get("code", 1000))
        try:
            sending = self._world.begin(self._wire, _bytes(message))
            if sending is not None:
                await sending
        except (ConnectionResetError, RuntimeError) as error:
            self._fail(error)
            raise

    def __call__(self, *given: Any, **named: Any) -> Underway:
        """The connection as a callback, or as a function that sends: it is given the event, after whatever else.

        The send begins at once, as one that writes into a buffer; whoever likes may await that it is through.
        """
        values = [*given, *named.values()]
        event = next((value for value in values if isinstance(value, dict)), values[-1])
        try:
            sending = self._world.begin(self._wire, _bytes(event))
        except (ConnectionResetError, RuntimeError) as error:
            self._fail(error)
            raise
        return Underway(sending)

    def write_message(self, message: Any, binary: bool = False) -> Underway:
        """As Tornado calls it."""
        return self(message)

    def put_nowait(self, item: Any) -> None:
        """As of a queue whose reader sends what comes; the queue knows nothing of a reader who has gone."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self(item)

    async def put(self, item: Any) -> None:
        self.put_nowait(item)

    async def close(self, code: int = 1000, reason: str | None = None, message: bytes = b"") -> None:
        if not self._closed:
            self._closed = True
            self._world.closed_by_broadcaster(self._serial)
            await self._world.gate(self._serial, "close")

    async def ping(self, data: Any = None) -> Awaitable[float]:
        """Returns what can be awaited for the pong; a stalled connection sends none."""
        self._raise_if_dead()
        await self._world.gate(self._serial, "ping")
        return self._world.loop.create_task(self._pong())

    async def _pong(self) -> float:
        await self._world.gate(self._serial, "pong")
        self._raise_if_dead()
        return 0.0

    async def pong(self, data: Any = b"") -> None:
        self._raise_if_dead()
        await self._world.gate(self._serial, "pong")

    # -- receiving -------------------------------------------------------------------------------------------

    async def receive(self) -> dict[str, Any]:
        """The next ASGI message: `websocket.connect`, unless the connection has been accepted; then the end."""
        if self._greeted != self._wire.episode:
            self._greeted = self._wire.episode
            return {"type": "websocket.connect"}
        if self._told == self._wire.episode:
            raise RuntimeError('Cannot call "receive" once a disconnect message has been received.')
        try:
            await self._end()
        except ConnectionResetError:
            if self._world.closing:
                raise
        self._told = self._wire.episode
        return {"type": "websocket.disconnect", "code": self._code(), "reason": ""}

    async def recv(self, decode: bool | None = None) -> Any:
        await self._end()

    async def receive_text(self) -> str:
        await self._end()

    async def receive_bytes(self) -> bytes:
        await self._end()

    async def receive_json(self, mode: str = "text") -> Any:
        await self._end()

    async def _end(self) -> NoReturn:
        """Nothing comes in: wait for the end, and raise it."""
        cause = self._wire.dead
        if not self._over or self._world.closing:
            try:
                await self._world.receive(self._serial)
            except (ConnectionResetError, RuntimeError) as error:
                if self._world.closing:
                    raise
                cause = error
        raise ended(ConnectionResetError, self._code())("the peer has gone") from cause

    async def _iterate(self) -> AsyncIterator[Any]:
        try:
            yield await self.recv()
        except ConnectionResetError:
            return

    def iter_text(self) -> AsyncIterator[str]:
        return self._iterate()

    iter_json = iter_bytes = iter_text

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.recv()
        except ConnectionResetError:
            if self._code() == 1006:
                raise
            raise StopAsyncIteration from None

    async def wait_closed(self) -> None:
        try:
            await self._end()
        except ConnectionResetError:
            if self._world.closing:
                raise

    # -- failing ---------------------------------------------------------------------------------------------

    def _raise_if_dead(self) -> None:
        dead = self._wire.dead
        if dead is not None:
            self._fail(dead)
            raise dead

    def _fail(self, error: Exception) -> None:
        """Raise what the library in use raises for `error`, if that is the connection's end."""
        if error is self._wire.dead:
            self._lost = True
            kind = ended(type(error), self._code())
            if kind is not type(error):
                raise kind(str(error)) from error

    # -- websockets.broadcast --------------------------------------------------------------------------------

    @property
    def protocol(self) -> Protocol:
        return Protocol(self)

    def send_data(self) -> None:
        """`Protocol` has written it already."""

    def write_frame_sync(self, fin: bool, opcode: int, data: bytes) -> None:
        """What the older `websockets.broadcast` calls."""
        Protocol(self).send_text(data)


class Underway(Coroutine[Any, None, None]):
    """A send that has begun, and is recorded also where nobody awaits it; a coroutine to whoever makes a task of it."""

    def __init__(self, sending: Sending | None) -> None:
        self._steps = _awaiting(sending)
        if sending is not None:
            sending.future.add_done_callback(lambda _: sending.unawaited())

    def __await__(self) -> Generator[Any, None, None]:
        return self._steps

    def send(self, value: None) -> Any:
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        return self._steps.throw(*error)

    def close(self) -> None:
        self._steps.close()


def _awaiting(sending: Sending | None) -> Generator[Any, None, None]:
    if sending is not None:
        yield from sending.__await__()


class _OwnState:
    """Attributes of the broadcaster's own; also what `websockets` calls the connection's state, by value and name."""

    def __init__(self, socket: Socket) -> None:
        self._socket = weakref.ref(socket)

    @property
    def value(self) -> int:
        socket = self._socket()
        return 1 if socket is not None and not socket.closed else 3

    @property
    def name(self) -> str:
        return "OPEN" if self.value == 1 else "CLOSED"

    def __int__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self is other or self.value == other

    def __hash__(self) -> int:
        return id(self)


# -- encoding -----------------------------------------------------------------------------------------------------


def _plain(data: dict[str, Any]) -> bool:
    """Whether `data` consists of what both encoders encode alike."""
    for value in data.values():
        kind = type(value)
        if kind not in _FLAT and not (kind is dict and _plain(value)):
            return False
    return True


def _json(data: Any) -> bytes:
    """As Starlette encodes; raises TypeError for what json can't encode, a datetime say. Quickly for most."""
    try:
        if type(data) is dict and _plain(data):
            return _QUICK.encode(data)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    return _JSON.encode(data).encode("utf-8", "surrogatepass")


def _bytes(message: Any) -> bytes:
    if isinstance(message, str):
        return message.encode("utf-8", "surrogatepass")
    return bytes(message) if isinstance(message, bytes | bytearray | memoryview) else _json(message)
