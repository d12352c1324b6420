"""A served application: what simulated users do with it, as `connect`, `disconnect` and `publish`.

How an event is caused, and when that counts as done:

    POST /path       a request to the same application; done when its answer is complete. An answer other than 2xx is
                     an error of the call, like an exception: the application's own, where it lets the server see it.
    module:function  called on the loop with user id and event (and `app`, where it takes one); done when it returns.
    message          the user's own message on their newest connection; done when a frame that quotes it came back
                     there, of a run that it starts the last one, or ANSWER virtual seconds have passed. Nothing is owed
                     for what the application says no to.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes

from crosstalk.auth.base import AuthenticationFailed, Authenticator, Credential
from crosstalk.model.canary import TOKEN
from crosstalk.targets.asgi.connection import Connection
from crosstalk.targets.asgi.lifespan import Lifespan
from crosstalk.targets.asgi.log_in import both, log_in
from crosstalk.targets.asgi.options import (
    Options,
    Unsendable,
    credential,
    headers_of,
    message,
    path_of,
    query_of,
)
from crosstalk.targets.asgi.request import Answered, Exchange
from crosstalk.targets.reading import says_no

if TYPE_CHECKING:
    from crosstalk.scenarios.socket import Socket
    from crosstalk.scenarios.world import World

ANSWER = 30.0
HOST = "localhost"


class Server:
    """`namespaces` are the variables of the project's modules: what the application holds on to is reachable there."""

    def __init__(
        self,
        application: Callable[..., Any],
        options: Options,
        token: Callable[[str], Any] | None = None,
        function: Callable[..., Any] | None = None,
        namespaces: tuple[Any, ...] = (),
        authenticator: Authenticator | None = None,
    ) -> None:
        self.application = application
        self.namespaces = namespaces
        self._options = options
        self._token = token
        self._authenticator = authenticator
        self._function = function
        self._gives_application = function is not None and _takes(function, "app")
        self._connections: dict[int, tuple[str, Connection]] = {}
        self._world: World | None = None
        self._residents: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Raises StartupFailed."""
        self._lifespan = Lifespan(self.application)
        await self._lifespan.startup()
        loop: Any = asyncio.get_running_loop()
        self._residents = [task for task in loop.unfinished if task is not asyncio.current_task()]

    # -- what users do ---------------------------------------------------------------------------------------

    async def connect(self, user_id: str, websocket: Socket, connection_id: str) -> bool | None:
        """False where no client could connect so, or the application does not take an id as unusual as this."""
        self._world = websocket._world
        values = await self._values(user_id, connection_id)
        try:
            carried = await self._credential(values)
        except Unsendable:
            return False
        path, query = path_of(self._options.open, values)
        scope = {
            **self._scope("websocket", "ws", path, query_of(carried, query)),
            "headers": [
                (b"host", HOST.encode()),
                (b"connection", b"Upgrade"),
                (b"upgrade", b"websocket"),
                (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
                (b"sec-websocket-version", b"13"),
                *([(b"origin", f"http://{HOST}".encode())] if not _named(carried.headers, "origin") else ()),
                *(
                    [(b"sec-websocket-protocol", ", ".join(carried.subprotocols).encode())]
                    if carried.subprotocols
                    else ()
                ),
                *headers_of(carried),
            ],
            "client": tuple(websocket.client),
            "subprotocols": list(carried.subprotocols),
            "extensions": {"websocket.http.response": {}},
        }
        if _named(carried.headers, "host"):
            del scope["headers"][0]
        connection = Connection(self.application, scope, websocket, self._options.ready, carried.first_message)
        self._connections[websocket._serial] = user_id, connection
        try:
            await connection.opened()
        except BaseException as error:
            del self._connections[websocket._serial]
            if isinstance(error, Exception) and not _usual(user_id):
                return False
            raise
        return None

    async def disconnect(self, user_id: str, websocket: Socket) -> None:
        entry = self._connections.pop(websocket._serial, None)
        if entry is not None:
            await entry[1].closed()

    async def publish(self, user_id: str, event: dict[str, Any]) -> Any:
        if self._function is not None:
            return await self._call(self._function, user_id, event)
        if self._options.request is not None:
            return await self._request(user_id, event, *self._options.request)
        return await self._say(user_id, event)

    async def _call(self, function: Callable[..., Any], user_id: str, event: Mapping[str, Any]) -> Any:
        given = {"app": self.application} if self._gives_application else {}
        began = self._now()
        try:
            value = function(user_id, event, **given)
            return await value if inspect.isawaitable(value) else value
        except Exception:
            if not _usual(user_id) and not self._present(user_id, began):
                self._give_up(user_id)
            raise

    async def _request(self, user_id: str, event: Mapping[str, Any], method: str, path: str) -> None:
        values = await self._values(user_id, "")
        body = message(self._options.body, values, event).encode()
        try:
            carried = await self._credential(values)
            extra = [(name, message(text, values)) for name, text in self._options.publish_header]
            headers = headers_of(carried, extra)
        except (Unsendable, UnicodeEncodeError):
            self._give_up(user_id)
        path, query = path_of(path, values)
        scope = {
            **self._scope("http", "http", path, query_of(carried, query)),
            "method": method,
            "headers": [
                (b"host", HOST.encode()),
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
            "client": ("127.0.0.1", 39_999),
            "extensions": {},
        }
        began = self._now()
        exchange = Exchange(self.application, scope, body)
        await exchange.answer()
        if 200 <= exchange.status < 300:
            return
        usual, present = _usual(user_id), self._present(user_id, began)
        if not (usual and present if 400 <= exchange.status < 500 else usual or present):
            # it does not take such an id, or rightly knows of no such user at the moment when it looked
            self._give_up(user_id)
        if exchange.failure is not None:
            raise exchange.failure
        answer = f"answered {exchange.status}" if exchange.status else "not answered"
        said = exchange.body[:120].decode("utf-8", "replace").strip()
        error = Answered(f"{method} {path} was {answer}{said and f': {said}'}")
        raise error from (self._dead(user_id) if exchange.status >= 500 else None)

    def _now(self) -> int:
        return self._world.history.now if self._world is not None else 0

    def _present(self, user_id: str, since: int) -> bool:
        """Whether a connection of that user's has been open all the time since then."""
        return self._world is not None and any(
            episode.connected <= since
            and episode.leaving > self._world.history.now
            and episode.excused > self._world.history.now
            and self._world.program.users[episode.user] == user_id
            for episode in self._world.history.episodes
        )

    def _give_up(self, user_id: str) -> NoReturn:
        """End the call as one that its caller has given up: nothing is owed for it."""
        if self._world is None:  # nobody has ever connected, so this is the error of a publish for an absent user
            raise Answered(f"no client could send a request for {user_id!r}")
        task = asyncio.current_task()
        assert task is not None
        self._world.cancelling.add(task)
        raise asyncio.CancelledError

    def _dead(self, user_id: str) -> Exception | None:
        """The end of a connection of that user's, if one has died: an error behind an answer 500 may be that one."""
        if self._world is None:
            return None
        wires = self._world.wires
        return next((w.dead for w in wires if w.dead and self._world.user_of(w.serial) == user_id), None)

    def _open_to(self, user_id: str) -> list[Connection]:
        return [connection for user, connection in self._connections.values() if user == user_id and connection.open]

    async def _say(self, user_id: str, event: Mapping[str, Any]) -> None:
        mine = self._open_to(user_id)
        if not mine:
            return
        connection = mine[-1]
        said = message(self._options.body, await self._values(user_id, ""), event)
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def listen(data: bytes) -> None:
            end = self._ends(event, data)
            if end is not None and not answered.done():
                answered.set_result(end)

        connection.listeners.append(listen)
        try:
            connection.say(said, asyncio.current_task())
            await asyncio.wait([answered], timeout=ANSWER)
        finally:
            connection.listeners.remove(listen)
        if answered.done() and not answered.result():
            self._give_up(user_id)

    def _ends(self, event: Mapping[str, Any], data: bytes) -> bool | None:
        """Whether the frame `data` is the end of what the message with `event` caused, False where it says no to it."""
        assert self._world is not None
        adapter, quotes = self._world.adapter, event["payload"]["canary"].encode() in data
        if not adapter.answers or adapter.read is None:
            return quotes or None
        for reading in adapter.read(data) or ():
            if quotes or reading.run == event["run_id"] or not (reading.run or TOKEN.search(data)):
                if reading.type in self._world.guarantees.grammar.finals:
                    return True
                if says_no(reading.type or "", data):
                    return False
        return None

    # -- what requests are made of ---------------------------------------------------------------------------

    async def _values(self, user_id: str, connection_id: str) -> dict[str, str]:
        token: Any = user_id
        if self._token is not None:
            token = self._token(user_id)
            if inspect.isawaitable(token):
                token = await token
        return {"user": user_id, "token": str(token), "connection": connection_id}

    async def _credential(self, values: Mapping[str, str]) -> Credential:
        """What a connection or request of a user carries. Raises Unsendable."""
        own = credential(self._options, values)
        if self._authenticator is None:
            return own
        try:
            carried = both(own, await log_in(self._authenticator, values["user"]))
            headers_of(carried)
        except (AuthenticationFailed, UnicodeEncodeError):
            raise Unsendable from None
        return carried

    def _scope(self, kind: str, scheme: str, path: str, query: bytes) -> dict[str, Any]:
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": scheme,
            "server": (HOST, 80),
            "root_path": "",
            "path": unquote_to_bytes(path).decode("utf-8", "surrogateescape"),
            "raw_path": path.encode("ascii", "ignore"),
            "query_string": query,
            "state": copy.copy(self._lifespan.state),
        }

    # -- the end ---------------------------------------------------------------------------------------------

    async def stop(self, world: World) -> bool:
        """Shut down; whether nothing of this run is left, so that the application may be started again.

        What the application started before anybody came is its own, and no user's leftover.
        """
        for task in self._residents:
            name = getattr(task.get_coro(), "__qualname__", "?")
            if not task.done() and name in world.history.leftover_tasks:
                left = list(world.history.leftover_tasks)
                left.remove(name)
                world.history.leftover_tasks = tuple(left)
        failure = await self._lifespan.shutdown()
        if failure:
            world.history.note(f"shutting down failed: {failure}")
        for _ in range(3):
            await asyncio.sleep(0)  # what was told to end ends
        mine = {asyncio.current_task(), *world.own}
        return not failure and all(task in mine for task in world.loop.unfinished)


def _usual(user_id: str) -> bool:
    """Whether every application may be expected to take such an id."""
    return user_id.isascii() and user_id.isalnum() and len(user_id) <= 64


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _named(headers: tuple[tuple[str, str], ...], name: str) -> bool:
    return any(known.lower() == name for known, _ in headers)
