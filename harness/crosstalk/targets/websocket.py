"""A live WebSocket connection: an asyncio protocol around the sans-I/O `ClientProtocol` of `websockets`.

The library keeps the protocol (handshake, fragments, ping and pong, closing, extensions, limits); this shell moves
bytes and hands each whole message to a plain function, in the very callback that the bytes came with. That saves the
queue, the future and the task switch per message which a connection with a `recv()` needs, and it allows what no
polite client offers: to stop reading, to fall silent, to reset. `suites/bench/live_receive.py` compares the two.

A message that came whole, alone and uncompressed, as nearly all do, is cut out of the bytes right here; everything else
goes through the library's parser. Nothing follows redirects or uses a proxy: what is connected to is what was named.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import replace
from functools import lru_cache
from typing import cast
from urllib.parse import urlunsplit

from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    PayloadTooBig,
    SecurityError,
)
from websockets.exceptions import ProtocolError as BrokenProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import SEND_EOF, State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

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
    joined,
    reset_when_closed,
    unreached,
    usual_tls,
)

_TEXT_WHOLE = 0x81
_SILENT = logging.Logger("crosstalk.websocket", logging.CRITICAL + 1)


class Connection(asyncio.Protocol):
    """One client connection. `receive` is called with each whole message, `ended` once, when it has ended."""

    last_event_id = ""

    def __init__(self, protocol: ClientProtocol, receive: Receive, ended: Ended, limits: Limits) -> None:
        self._protocol = protocol
        self._reader = protocol.reader
        self._receive = receive
        self._ended = ended
        self._limits = limits
        self._largest = limits.message_bytes
        self._plain = False  # open, and without extensions
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] = []
        self._pings: dict[bytes, asyncio.Future[float]] = {}
        self._ping_number = 0
        self._silent = False
        self._we_close = False
        self._reset = False
        self._ended_writing = False
        self._cut = False
        self._is_text = False
        self._not_text = False
        self._writable: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.closed: Closed | None = None
        self.number = -1

    # ----------------------------------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._silent:
            return
        protocol = self._protocol
        if self._plain and not self._reader.buffer and protocol.current_size is None:
            at, size = 0, len(data)
            while size - at >= 2 and data[at] == _TEXT_WHOLE and self._plain:
                length = data[at + 1]
                begin = at + 2
                if length > 125:
                    if length != 126 or size - at < 4:
                        break
                    length = data[at + 2] << 8 | data[at + 3]
                    begin = at + 4
                end = begin + length
                if end > size or length > self._largest:
                    break
                message = data[begin:end]
                if not message.isascii():
                    try:
                        message.decode()
                    except UnicodeDecodeError:
                        break  # the library's parser says so properly
                self._receive(self, message)
                at = end
                if self._silent:
                    return
            if at == size:
                return
            data = data[at:]
        protocol.receive_data(data)
        self._after()

    def eof_received(self) -> bool:
        self._end_of_data()
        self._after()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_of_data()
        self._protocol.events_received()
        self._protocol.data_to_send()
        if not self.opened.done():
            self.opened.set_exception(self._not_opened(exc))
        if self.closed is None:
            self.closed = self._how(exc)
        for ping in self._pings.values():
            ping.cancel()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if not self.lost.done():
            self.lost.set_result(None)
        self._ended(self, self.closed)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # ----------------------------------------------------------------------------------------- called by the run

    @property
    def is_open(self) -> bool:
        return self._protocol.state is State.OPEN and self.closed is None

    @property
    def is_connected(self) -> bool:
        """Whether bytes can be sent, with TLS agreed on where there is any."""
        return self._transport is not None

    @property
    def subprotocol(self) -> str | None:
        return self._protocol.subprotocol

    async def send(self, text: str) -> None:
        """Send one text message; waits while the server doesn't read. Raises ConnectionError when closed."""
        if not self.is_open:
            raise ConnectionError("the connection is closed")
        self._protocol.send_text(text.encode())
        self._flush()
        if self._writable is not None:
            await self._writable

    async def ping(self, seconds: float) -> bool:
        """Whether the server answers a ping in time. What it wrote before its answer has been received by then."""
        if not self.is_open:
            return False
        self._ping_number += 1
        payload = b"%d" % self._ping_number
        answered = self._pings[payload] = self._loop.create_future()
        self._protocol.send_ping(payload)
        self._flush()
        try:
            async with asyncio.timeout(seconds):
                await answered
            return True
        except (TimeoutError, asyncio.CancelledError):
            if not answered.cancelled() and not answered.done():
                answered.cancel()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return False
        finally:
            self._pings.pop(payload, None)

    async def close(self) -> None:
        """End the connection politely; after `close_seconds` also without the server's consent."""
        self._we_close = True
        self.resume_reading()
        if self._protocol.state is State.OPEN and not self._silent:
            self._plain = False
            self._protocol.send_close(1000)
            self._flush()
        elif self._protocol.state is not State.CLOSING or self._silent:
            self.abort()
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await asyncio.shield(self.lost)
        except TimeoutError:
            self.abort()
            await asyncio.shield(self.lost)

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._we_close = True
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Make the kernel send a TCP reset, as a crashed or impatient client does."""
        self._reset = True
        if self._transport is not None:
            reset_when_closed(self._transport.get_extra_info("socket"))
        self.abort()

    def fall_silent(self) -> None:
        """From now on neither read nor answer, without closing: a peer whose network is gone."""
        self._silent = True
        self.pause_reading()

    def pause_reading(self) -> None:
        """Stop reading, so that TCP holds up the server."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._silent and not self._transport.is_closing():
            self._transport.resume_reading()

    # ----------------------------------------------------------------------------------------- within

    def start(self, credential: Credential) -> None:
        """Send the request of the opening handshake."""
        if self._protocol.handshake_exc is not None:
            return  # the server spoke first, which no WebSocket server does
        request = self._protocol.connect()
        for name, value in carried(credential):
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()

    def _after(self) -> None:
        """Take what the library's parser made of the bytes, and send what it answers."""
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                if self._protocol.handshake_exc is None and not self.opened.done():
                    self._plain = not self._protocol.extensions
                    self.opened.set_result(None)
            elif isinstance(event, Frame):
                self._frame(event)
        if self._protocol.state is not State.OPEN:
            self._plain = False
        self._flush()
        if self._protocol.close_expected() and self._transport is not None:
            self._loop.call_later(self._limits.close_seconds, self._give_up)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            answered = self._pings.get(bytes(frame.data))
            if answered is not None and not answered.done():
                answered.set_result(self._loop.time())
            return
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if not frame.fin or self._not_text:
            return
        message = b"".join(self._fragments)
        self._fragments.clear()
        if self._is_text:
            try:
                message.decode()
            except UnicodeDecodeError:
                self._not_text = True
                self._protocol.fail(1007, "invalid UTF-8")
                return
        self._receive(self, message)

    def _end_of_data(self) -> None:
        if not self._reader.eof:
            self._cut = bool(self._reader.buffer) or self._protocol.current_size is not None
            self._protocol.receive_eof()

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if transport is None or transport.is_closing() or self._silent or self._ended_writing:
                continue
            if data is SEND_EOF or not data:
                self._ended_writing = True
                if transport.can_write_eof():
                    transport.write_eof()
                else:
                    transport.close()
            else:
                transport.write(data)

    def _give_up(self) -> None:
        if self.closed is None and self._transport is not None:
            self._transport.abort()

    def _how(self, exc: Exception | None) -> Closed:
        protocol = self._protocol
        if protocol.close_rcvd is not None and not self._we_close:
            reason = f" ({protocol.close_rcvd.reason[:120]})" if protocol.close_rcvd.reason else ""
            return Closed(
                "server", protocol.close_rcvd.code, f"the server closed it with {protocol.close_rcvd.code}{reason}"
            )
        if self._we_close:
            return Closed("us", 1000, "it was reset by its user" if self._reset else "it was closed by its user")
        broken = protocol.parser_exc
        if self._not_text:
            return Closed("broken", 1007, "a text message was no valid UTF-8")
        if isinstance(broken, PayloadTooBig):
            return Closed("broken", 1009, f"a message was larger than {self._largest:,} bytes")
        if isinstance(broken, BrokenProtocol | UnicodeDecodeError):
            return Closed("broken", 1002, f"a frame broke the protocol: {broken}")
        if exc is not None:
            return Closed("network", 1006, f"the connection was reset ({type(exc).__name__})")
        cut = " in the middle of a message" if self._cut else ""
        return Closed("network", 1006, f"the server went away without a closing handshake{cut}")

    def _not_opened(self, exc: Exception | None) -> NotConnected:
        found = self._protocol.handshake_exc
        if isinstance(found, InvalidStatus):
            answer = found.response
            return answered(answer.status_code, answer.reason_phrase, answer.headers, "a WebSocket")
        if isinstance(found, InvalidMessage | SecurityError) and not isinstance(found.__cause__, EOFError):
            return NotConnected("answer", "the server's answer to the opening handshake is no HTTP")
        if isinstance(found, InvalidHandshake) and not isinstance(found, InvalidMessage):
            return NotConnected("answer", f"the opening handshake failed: {found}")
        why = f" ({type(exc).__name__})" if exc is not None else ""
        return NotConnected("lost", f"the server went away in the middle of the opening handshake{why}")


def address(url: str, query: tuple[tuple[str, str], ...] = ()) -> WebSocketURI:
    """`url` as the library wants it, `query` added. Raises ValueError with one sentence that doesn't show the query."""
    uri = _parsed(url)
    return replace(uri, query=joined(uri.query, query)) if query else uri


@lru_cache(64)
def _parsed(url: str) -> WebSocketURI:
    parts = checked(url, ("ws", "wss"), "WebSocket address")
    try:
        return parse_uri(urlunsplit(parts._replace(fragment="")))
    except (InvalidURI, ValueError):
        raise ValueError(f"{url.partition('?')[0]!r} is no WebSocket address") from None


class _EngineIo:
    """What Socket.IO asks of a connection besides WebSocket: pings (`2`) answered, nothing said before it is admitted.

    `admitted` is set by the server's answer to the log-in: `40`, or `44` for a refusal.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._answers: set[asyncio.Task[None]] = set()
        self.admitted = asyncio.Event()

    def received(self, connection: Connection, message: bytes) -> None:
        if message == b"2":
            self._answers.add(task := asyncio.ensure_future(_pong(connection)))
            task.add_done_callback(self._answers.discard)
            return
        if message[:2] in (b"40", b"44"):
            self.admitted.set()
        self._receive(connection, message)

    async def wait(self, connection: Connection) -> None:
        """Until the server has answered the log-in, or closed."""
        while connection.is_open and not self.admitted.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.admitted.wait(), 0.1)


async def _pong(connection: Connection) -> None:
    with contextlib.suppress(ConnectionError):
        await connection.send("3")


async def connect(
    url: str,
    credential: Credential,
    receive: Receive,
    ended: Ended,
    terms: Terms = PLAIN,
) -> Connection:
    """An open WebSocket, as `Connect` says; it has no way to ask for what was missed."""
    uri = address(url, credential.query)
    limits = terms.limits
    headers = [name for name, _ in credential.headers if name.lower() == "origin"]
    protocol = ClientProtocol(
        uri,
        origin=None if headers or not terms.origin else terms.origin,  # type: ignore[arg-type] # a NewType of str
        extensions=[ClientPerMessageDeflateFactory()] if limits.compression else None,
        subprotocols=[Subprotocol(name) for name in (*terms.subprotocols, *credential.subprotocols)] or None,
        max_size=limits.message_bytes,
        logger=_SILENT,
    )
    engine_io = _EngineIo(receive) if "EIO=" in uri.query else None
    made = Connection(protocol, receive if engine_io is None else engine_io.received, ended, limits)
    loop = asyncio.get_running_loop()
    context = (terms.tls or usual_tls()) if uri.secure else None
    try:
        async with asyncio.timeout(limits.open_seconds):
            if terms.receive_buffer:
                sock = await _small_socket(uri.host, uri.port, terms.receive_buffer)
                name = uri.host if uri.secure else None
                await loop.create_connection(lambda: made, sock=sock, ssl=context, server_hostname=name)
            else:
                await loop.create_connection(lambda: made, uri.host, uri.port, ssl=context)
            made.start(credential)
            await made.opened
            if credential.first_message is not None:
                await made.send(credential.first_message)
                if engine_io is not None:
                    await engine_io.wait(made)
    except TimeoutError:
        made.abort()
        raise NotConnected("timeout", f"no connection within {limits.open_seconds:g} s") from None
    except OSError as error:
        raise unreached(error, uri.host, context is not None and not made.is_connected) from None
    except BaseException:
        made.abort()
        raise
    return made


async def _small_socket(host: str, port: int, receive_buffer: int) -> socket.socket:
    """A connected socket whose kernel buffer was small from the start, as the window of TCP needs it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    error: OSError = OSError("no address")
    for family, kind, number, _, where in found:
        sock = socket.socket(family, kind, number)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await loop.sock_connect(sock, where)
            return sock
        except OSError as failed:
            sock.close()
            error = failed
        except BaseException:
            sock.close()
            raise
    raise error
