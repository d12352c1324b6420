"""A live Socket.IO connection: python-socketio's own asyncio client, with its events and answers as frames.

The address ends in `/socket.io`; `transport=polling` in its query asks for HTTP long polling instead of a WebSocket,
and a fragment names the namespace, as in `https://chat.example.com/socket.io/#/support`. The first message of a log-in
is the `auth` payload. An event is received as the object that it carries, its name added as `event`, and so is the
answer to what a user has said, under the name `ack`. What is said is a JSON array, the event's name and its arguments,
or an object with a `type`, which is emitted by that name with its `payload` (else as a whole).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import weakref
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import socketio
from engineio.base_client import connected_clients

from crosstalk.auth.base import Credential
from crosstalk.targets.connection import (
    PLAIN,
    Closed,
    Ended,
    Limits,
    NotConnected,
    Receive,
    Terms,
    answered,
    carried,
    checked,
    queried,
    quiet,
    reset_when_closed,
    underlying,
    unreached,
    usual_tls,
)
from crosstalk.targets.reading import named

_SILENT = logging.Logger("crosstalk.socketio", logging.CRITICAL + 1)
_STATUS = re.compile(r"(?:Unexpected status code |^)(\d{3})\b")
_ADDRESS = re.compile(r",? url=.*")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to, as the library wants it."""

    url: str
    path: str
    namespace: str
    transport: str


class Connection:
    """One Socket.IO client. `receive` is called with each event, `ended` once, when the connection has ended."""

    last_event_id = ""

    def __init__(self, receive: Receive, ended: Ended, limits: Limits, connector: aiohttp.TCPConnector) -> None:
        self._receive = receive
        self._ended = ended
        self._limits = limits
        self._answers: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()
        noting = aiohttp.TraceConfig()
        noting.on_request_end.append(self._note)
        noting.on_request_redirect.append(_refuse)
        jar = aiohttp.CookieJar(unsafe=True)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar, trace_configs=[noting])
        self._namespace = "/"
        self._held: list[bytes] | None = None
        self._arrived = 0
        self._silent = False
        self._denied = ""
        self._opened = False
        self._cleaning: asyncio.Task[None] | None = None
        self.closed: Closed | None = None
        self.number = -1
        self._client = socketio.AsyncClient(
            reconnection=False,
            logger=_SILENT,
            engineio_logger=_SILENT,
            handle_sigint=False,
            http_session=self._session,
            request_timeout=limits.open_seconds,
            websocket_extra_options={
                "max_msg_size": limits.message_bytes,
                "compress": 15 if limits.compression else 0,
            },
        )

    # ----------------------------------------------------------------------------------------- called by the run

    @property
    def is_open(self) -> bool:
        return self._opened and self.closed is None

    async def send(self, text: str) -> None:
        """Emit what `text` says. Raises ConnectionError when closed."""
        if not self.is_open:
            raise ConnectionError("the connection is closed")
        event, arguments = emitted(text)
        try:
            await self._client.emit(event, arguments, self._namespace, callback=self._answered)
        except socketio.exceptions.SocketIOError as error:
            raise ConnectionError(str(error)) from None

    async def ping(self, seconds: float) -> bool:
        """Whether it is still open when nothing more has come for a moment: only the server pings."""
        await quiet(lambda: self._arrived, seconds)
        return self.is_open

    async def close(self) -> None:
        """Say good-bye; after `close_seconds` without waiting for the server."""
        if self.closed is None and not self._silent:
            self._set_closed(Closed("us", 1000, "it was closed by its user"))
            leaving = [asyncio.ensure_future(self._client.disconnect())]
            if self._client.eio.current_transport == "polling":
                # that it was said is enough: the last poll may be answered half a minute later
                leaving.append(asyncio.ensure_future(self._client.eio.queue.join()))
            await asyncio.wait(leaving, timeout=self._limits.close_seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
        self._leave("it was closed by its user")
        if self._cleaning is not None:
            await asyncio.shield(self._cleaning)

    def abort(self) -> None:
        self._leave("it was closed by its user")

    def reset(self) -> None:
        transport = self._transport()
        if transport is not None:
            reset_when_closed(transport.get_extra_info("socket"))
            transport.abort()
        self._leave("it was reset by its user")

    def fall_silent(self) -> None:
        self._silent = True
        self.pause_reading()

    def pause_reading(self) -> None:
        """Receive nothing more; of a WebSocket, not even from the kernel, so that TCP holds up the server."""
        self._held = self._held or []
        transport = self._transport()
        if transport is not None and transport.is_reading():
            transport.pause_reading()

    def resume_reading(self) -> None:
        if self._silent or self.closed is not None:
            return
        held, self._held = self._held or (), None
        for frame in held:
            self._receive(self, frame)
        transport = self._transport()
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    # ----------------------------------------------------------------------------------------- within

    async def start(self, where: Address, headers: dict[str, str], auth: object) -> None:
        """Connect, and be admitted to the namespace. Raises what the library raises."""
        self._namespace = where.namespace
        self._client.on("*", self._event, namespace=where.namespace)
        self._client.on("connect_error", self._refused, namespace=where.namespace)
        self._client.on("disconnect", self._disconnected, namespace=where.namespace)
        await self._client.connect(
            where.url,
            headers,
            auth,
            transports=[where.transport],
            namespaces=[where.namespace],
            socketio_path=where.path,
            wait_timeout=self._limits.open_seconds,
        )
        self._opened = True

    @property
    def denied(self) -> str:
        """What the server said to a log-in that it did not accept."""
        return self._denied

    def _event(self, event: str, *arguments: Any) -> None:
        self._take(event, arguments)

    def _answered(self, *arguments: Any) -> None:
        if arguments:
            self._take("ack", arguments)

    def _take(self, event: str, arguments: tuple[Any, ...]) -> None:
        data = arguments[0] if len(arguments) == 1 else list(arguments)
        text = data if isinstance(data, str) else json.dumps(data, default=_as_text, ensure_ascii=False)
        frame = named(text, event=event)
        self._arrived += 1
        if self._held is not None:
            self._held.append(frame)
        elif self.closed is None:
            self._receive(self, frame)

    def _refused(self, *said: Any) -> None:
        if said and isinstance(said[0], dict):
            self._denied = str(said[0].get("message", ""))[:120]
        elif said:
            self._denied = str(said[0])[:120]

    def _disconnected(self, reason: str = "") -> None:
        if self.closed is not None:
            return
        if reason == "server disconnect":
            self._end(Closed("server", 1000, "the server ended the connection"))
        elif self._broken():
            self._end(Closed("broken", 1009, f"a message was larger than {self._limits.message_bytes:,} bytes"))
        else:
            self._end(Closed("network", 1006, f"the server went away ({reason or 'no reason'})"))

    def _broken(self) -> bool:
        websocket = self._client.eio.ws
        return isinstance(websocket, aiohttp.ClientWebSocketResponse) and websocket.close_code == 1009

    def _transport(self) -> asyncio.Transport | None:
        """That of the WebSocket; long polling has none that lasts."""
        websocket = self._client.eio.ws
        if not isinstance(websocket, aiohttp.ClientWebSocketResponse) or websocket._response.connection is None:
            return None
        return websocket._response.connection.transport

    def _leave(self, why: str) -> None:
        self._end(Closed("us", 1000, why))

    def _end(self, how: Closed) -> None:
        self._set_closed(how)
        if self._cleaning is None:
            self._cleaning = asyncio.ensure_future(self._clean())

    def _set_closed(self, how: Closed) -> None:
        if self.closed is None:
            self.closed = how
            if self._opened:
                self._ended(self, how)

    async def _note(self, session: object, context: object, ended: aiohttp.TraceRequestEndParams) -> None:
        """An answer to a poll, which the library leaves open when it is cancelled."""
        self._answers.add(ended.response)

    async def _clean(self) -> None:
        """Give back the sockets and tasks that the library may have left, and let it forget the client."""
        tasks = [task for task in (self._client.eio.read_loop_task, self._client.eio.write_loop_task) if task]
        try:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for answer in self._answers:
                answer.close()
            with contextlib.suppress(ValueError):
                connected_clients.remove(self._client.eio)
            await self._session.close()


async def _refuse(session: object, context: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
    """What is connected to is what was named."""
    answer = redirect.response
    answer.close()
    raise aiohttp.WSServerHandshakeError(
        answer.request_info, answer.history, status=answer.status, message=answer.reason or "", headers=answer.headers
    )


def _as_text(value: object) -> str:
    """Attachments may hold what belongs to somebody, too."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def emitted(text: str) -> tuple[str, tuple[Any, ...]]:
    """The event and the arguments that a message stands for."""
    message = json.loads(text)
    if isinstance(message, list) and message and isinstance(message[0], str):
        return message[0], tuple(message[1:])
    if isinstance(message, dict) and isinstance(message.get("type"), str):
        return message["type"], (message.get("payload", message),)
    return "message", (message,)


def address(url: str) -> Address:
    """`url` in its parts. Raises ValueError with one sentence that doesn't show the query."""
    parts = checked(url, ("http", "https", "ws", "wss"), "address of a Socket.IO server")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    transport = query.pop("transport", "websocket")
    if transport not in ("websocket", "polling"):
        raise ValueError(f"{transport!r} is no transport of Socket.IO: give transport=websocket or transport=polling")
    if parts.fragment and not parts.fragment.startswith("/"):
        raise ValueError(f"{parts.fragment!r} is no namespace: it begins with a slash, as in #/support")
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    base = urlunsplit((scheme, parts.netloc, "", urlencode(query), ""))
    return Address(base, parts.path.strip("/"), parts.fragment or "/", transport)


async def connect(
    url: str,
    credential: Credential,
    receive: Receive,
    ended: Ended,
    terms: Terms = PLAIN,
) -> Connection:
    """An open Socket.IO connection, as `Connect` says; it has no way to ask for what was missed."""
    where = address(queried(url, credential.query))
    if credential.subprotocols or terms.subprotocols:
        raise NotConnected("answer", "Socket.IO has no subprotocols: give carrier=message (its auth) in --auth")
    headers = {**({"Origin": terms.origin} if terms.origin else {}), **dict(carried(credential))}
    auth = _auth(credential.first_message)

    def small(info: Any) -> socket.socket:
        made = socket.socket(*info[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, terms.receive_buffer)
        return made

    factory = small if terms.receive_buffer else None
    connector = aiohttp.TCPConnector(ssl=terms.tls or usual_tls(), limit=0, socket_factory=factory)
    made = Connection(receive, ended, terms.limits, connector)
    try:
        async with asyncio.timeout(terms.limits.open_seconds):
            await made.start(where, headers, auth)
    except BaseException as error:
        made.abort()
        await made.close()
        if isinstance(error, TimeoutError):
            raise NotConnected("timeout", f"no Socket.IO connection within {terms.limits.open_seconds:g} s") from None
        if isinstance(error, socketio.exceptions.ConnectionError):
            raise _not_connected(error, made.denied, urlsplit(where.url)) from None
        raise
    return made


def _auth(first_message: str | None) -> object:
    if first_message is None:
        return None
    try:
        return json.loads(first_message)
    except ValueError:
        raise NotConnected("answer", "the auth of Socket.IO is JSON: give carrier=message:{...} in --auth") from None


def _not_connected(error: BaseException, denied: str, parts: Any) -> NotConnected:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, aiohttp.ClientResponseError):
            return answered(found.status, found.message, found.headers or {}, "Socket.IO")
        status = _STATUS.search(str(found))
        if status is not None:
            return answered(int(status[1]), "", {}, "Socket.IO")
        found = found.__cause__ or found.__context__
    system = underlying(error)
    if system is not None:
        return unreached(system, parts.hostname or "", parts.scheme == "https")
    if "failed to connect" in str(error):
        return NotConnected("denied", f"the server did not accept the log-in{': ' * bool(denied)}{denied}")
    said = _ADDRESS.sub("", str(error))  # whose query may hold a secret
    return NotConnected("lost", f"the server is no Socket.IO server or went away ({said})")
