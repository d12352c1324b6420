"""One WebSocket connection of an ASGI application, as a production server plays it.

The application's `send` goes out on the simulated socket: each message is a gate of the schedule and is recorded there.
Its `receive` gives what the client says, and the end. What a server does, and is done here: a send after the client has
gone raises OSError (uvicorn's ClientDisconnected), one after the application's own close raises RuntimeError; when the
application returns or raises, the server closes the connection; the end is told again to whoever asks again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from crosstalk.model.canary import TOKEN
from crosstalk.schedule.watchdog import ThreadBlocked
from crosstalk.targets.library_types import is_end

if TYPE_CHECKING:
    from crosstalk.scenarios.socket import Socket

A_MOMENT = 0.05
"""Virtual seconds after which an accepted connection counts as open, though the application neither sent nor asked."""
UNASKED = 5.0
"""Virtual seconds that a client which has gone waits for an application that does not ask for its messages."""

_NO_LONGER = "WebSocket is not connected"
"""What Starlette says of whoever asks for a message after a send has failed."""


class Refused(Exception):
    """The application did not open the connection, or closed it at once; the message says how."""


class Connection:
    """`opened` and `closed` are the client's two calls. `say` is a message of the client's."""

    def __init__(
        self, application: Callable[..., Any], scope: dict[str, Any], socket: Socket, ready: str, hello: str | None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.socket = socket
        self.listeners: list[Callable[[bytes], None]] = []
        self._world = socket._world
        self._wire = self._world.wires[socket._serial]
        self._offered = scope["subprotocols"]
        self._when = ready
        self._inbox: deque[dict[str, Any]] = deque([{"type": "websocket.connect"}])
        self._hello = hello
        self._accepted = self._closed = self._told = False
        self._left = 0
        self._denial = ""
        self._sending: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ready: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(application(scope, self._receive, self._send))
        self._task.add_done_callback(self._ended)

    @property
    def open(self) -> bool:
        """Whether client and application can still talk."""
        return self._accepted and self._wire.dead is None and not self._task.done()

    # -- what the client does --------------------------------------------------------------------------------

    async def opened(self) -> None:
        """Returns when the connection is open. Raises Refused, or what the application raised."""
        try:
            await asyncio.shield(self._ready)
        except BaseException:
            self._world.do_drop_socket(self._wire)  # refused, or the client gives up
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def closed(self) -> None:
        """The client leaves. Returns when the application has ended; raises what it raised, the end itself apart."""
        self._world.do_drop_socket(self._wire)
        if not self._task.done():
            await asyncio.wait([self._task], timeout=UNASKED)
            if not self._task.done() and self._told:
                self._world.behind[asyncio.current_task()] = self._task  # type: ignore[index]
                await asyncio.wait([self._task])
        self._left = self._world.history.tick()
        if self._task.done() and not self._task.cancelled():
            error = self._task.exception()
            if error is not None and not self._is_the_end(error):
                raise error

    def say(self, text: str, asking: asyncio.Task[Any] | None = None) -> None:
        """The client's message; `asking` is the call that it is made for."""
        call = None if asking is None else self._world.own.get(asking)
        if call is not None:
            call.episode = self._wire.episode
        message = {"type": "websocket.receive", "text": text}
        for future in self._wire.receivers:
            if not future.done():
                future.set_result(message)
                return
        self._inbox.append(message)

    # -- what the application is given -----------------------------------------------------------------------

    async def _receive(self) -> dict[str, Any]:
        if self._inbox:
            return self._inbox.popleft()
        if self._accepted and self._when == "auto":
            self._set_ready()  # it has nothing left to do but wait for the client
        self._wire.receivers = [future for future in self._wire.receivers if not future.done()]
        try:
            message: dict[str, Any] = await self._world.receive(self.socket._serial)
        except (OSError, RuntimeError):
            self._told = True
            return {"type": "websocket.disconnect", "code": 1000 if self._closed else 1006, "reason": ""}
        return message

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if not self._accepted:
            await self._handshake(kind, message)
        elif kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            if text is None and data is None:
                raise RuntimeError("websocket.send has neither text nor bytes")
            if self._left and not (self._told and self._is_new(text.encode() if text is not None else data)):
                # The server lets it go nowhere. It is no send to somebody who has left where the application can't know
                # of that, having not asked since, or had begun to hand this event round before.
                raise ConnectionResetError("the client has gone") from self._wire.dead
            try:
                await self._in_turn(self.socket.send_text(text) if text is not None else self.socket.send_bytes(data))
            except RuntimeError as error:
                if self._closed:
                    raise
                raise ConnectionResetError("the client has gone") from error
            for listener in self.listeners:
                listener(text.encode("utf-8", "replace") if text is not None else data)
            self._set_ready()
        elif kind == "websocket.close":
            self._closed = True
            code, reason = message.get("code", 1000), message.get("reason") or ""
            self._refuse(f"it accepted the connection and closed it with code {code}{reason and f' ({reason})'}")
            await self.socket.close(code)
        else:
            raise RuntimeError(f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{kind}'.")

    async def _in_turn(self, sending: Coroutine[Any, Any, None]) -> None:
        """What is sent starts at once, and succeeds no sooner than what was sent before it: bytes keep their order."""
        before, self._sending = self._sending, asyncio.get_running_loop().create_future()
        mine = self._sending
        try:
            await sending
            if before is not None and not before.done():
                await asyncio.shield(before)
        finally:
            mine.set_result(None)

    async def _handshake(self, kind: str, message: Any) -> None:
        if self._wire.dead is not None:
            raise ConnectionResetError("the client has gone") from self._wire.dead
        if kind == "websocket.accept":
            subprotocol = message.get("subprotocol")
            if subprotocol and subprotocol not in self._offered:
                self._refuse(f"it chose the subprotocol {subprotocol!r}, which the client did not offer")
                raise ConnectionResetError("the client ends the handshake")
            await self.socket.accept()
            self._accepted = True
            if self._hello is not None:
                self.say(self._hello)
            if self._when == "accept":
                self._set_ready()
            elif self._when == "auto":
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(A_MOMENT, self._set_ready)
        elif kind == "websocket.close":
            self._refuse(f"it closed the connection before accepting it (HTTP 403, code {message.get('code', 1000)})")
        elif kind == "websocket.http.response.start":
            self._denial = f"it answered HTTP {message['status']}"
        elif kind == "websocket.http.response.body" and self._denial:
            body = message.get("body", b"")[:80].decode("utf-8", "replace").strip()
            self._denial += f": {body}" if body and ": " not in self._denial else ""
            if not message.get("more_body", False):
                self._refuse(self._denial)
        else:
            raise RuntimeError(
                "Expected ASGI message 'websocket.accept', 'websocket.close', or 'websocket.http.response.start' "
                f"but got '{kind}'."
            )

    def _is_new(self, data: bytes) -> bool:
        """Whether `data` carries an event that was published only after the client's disconnect had returned."""
        history = self._world.history
        quoted = {token.decode().lower() for token in TOKEN.findall(data)}
        contents = {number for number, content in enumerate(history.contents) if content.token in quoted}
        began = [call.started for call in history.calls if call.content in contents]
        return bool(began) and min(began) > self._left

    # -- how it becomes open, and ends -----------------------------------------------------------------------

    def _set_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _refuse(self, how: str) -> None:
        if not self._ready.done():
            self._ready.set_exception(Refused(how))
            self._ready.exception()  # the client may have given up

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ThreadBlocked):
            self._world.history.crashes.append(f"the application {error}")
            self._world.loop.limit = 0  # the rest of this run would only block again
        if not self._ready.done():
            if error is not None and self._wire.dead is None:
                self._ready.set_exception(error)
                self._ready.exception()
            else:
                done = "ended" if self._accepted else "ended without accepting the connection"
                self._refuse(f"it {done}")
        elif self._wire.dead is None:
            self._world.closed_by_broadcaster(self.socket._serial)
        self._told = True

    def _is_the_end(self, error: BaseException) -> bool:
        """Whether `error` is, or follows from, the end of this connection, which its application has not caught."""
        seen: BaseException | None = error
        while seen is not None:
            if seen is self._wire.dead or is_end(seen) or (self._accepted and str(seen).startswith(_NO_LONGER)):
                return True
            if isinstance(seen, BaseExceptionGroup):
                return all(self._is_the_end(inner) for inner in seen.exceptions)
            seen = seen.__cause__ or seen.__context__
        return False
