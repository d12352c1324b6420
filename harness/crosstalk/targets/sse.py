"""A live SSE connection: a text/event-stream, read by httpx2 (HTML Standard, section 9.2, "Server-sent events").

A stream is only read from; runs are started elsewhere, by HTTP calls, or it is itself the answer to one. An event whose
data is a JSON object is received as that object, with the event's own name and id added to it as `event` and `id`,
unless it has those itself; so what stands where needs no other pointers than a WebSocket's. Nothing follows redirects
or uses a proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit

import httpx2

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

SMALLEST_BUFFER = 1 << 16


class Connection:
    """One event stream. `receive` is called with each event, `ended` once, when the stream has ended."""

    def __init__(
        self, receive: Receive, ended: Ended, limits: Limits, last_event_id: str, reading: asyncio.Event | None
    ) -> None:
        self._receive = receive
        self._ended = ended
        self._limits = limits
        self._reading = reading or asyncio.Event()
        if reading is None:
            self._reading.set()
        self._arrived = 0
        self._silent = False
        self._left = ""
        self._response: httpx2.Response | None = None
        self._stream: asyncio.Task[None] | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: Closed | None = None
        self.number = -1
        self.last_event_id = last_event_id

    # ----------------------------------------------------------------------------------------- called by the run

    @property
    def is_open(self) -> bool:
        return self._response is not None and self.closed is None and not self._left

    async def send(self, text: str) -> None:
        raise ConnectionError("an event stream takes no messages")

    async def ping(self, seconds: float) -> bool:
        """Whether the stream is still open when nothing more has come for a moment: it has no pings."""
        await quiet(lambda: self._arrived, seconds)
        return self.is_open

    async def close(self) -> None:
        """End the stream, and ask for nothing that was missed when the device comes back."""
        self.last_event_id = ""
        self._leave("it was closed by its user")
        if self._stream is not None:
            await asyncio.wait([self._stream], timeout=self._limits.close_seconds)

    def abort(self) -> None:
        self._leave("it was closed by its user")

    def reset(self) -> None:
        if self._response is not None:
            reset_when_closed(self._response.extensions["network_stream"].get_extra_info("socket"))
        self._leave("it was reset by its user")

    def fall_silent(self) -> None:
        self._silent = True
        self._reading.clear()

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        if not self._silent:
            self._reading.set()

    # ----------------------------------------------------------------------------------------- within

    async def start(
        self, url: str, headers: dict[str, str], transport: httpx2.AsyncHTTPTransport, body: str | None
    ) -> None:
        """Open the stream, and go on reading it. Raises what httpx2 raises, and NotConnected for another answer."""
        self._stream = asyncio.ensure_future(self._run(url, headers, transport, body))
        await self.opened

    async def _run(
        self, url: str, headers: dict[str, str], transport: httpx2.AsyncHTTPTransport, body: str | None
    ) -> None:
        how = Closed("network", 1006, "the server went away in the middle of the stream")
        try:
            async with (
                httpx2.AsyncClient(transport=transport, trust_env=False, timeout=None) as client,
                client.sse(
                    url,
                    method="GET" if body is None else "POST",
                    content=body,
                    headers=headers,
                    max_event_size=self._limits.message_bytes,
                ) as source,
            ):
                is_stream = _checked(source.response, body is None)
                self._response = source.response
                self.opened.set_result(None)
                if is_stream:
                    await self._read(source)
                else:
                    await self._read_whole(source.response)
            how = Closed("server", 1000, "the server ended the stream")
        except httpx2.SSEError:
            how = Closed("broken", 1009, f"an event was larger than {self._limits.message_bytes:,} bytes")
        except (httpx2.HTTPError, NotConnected) as error:
            if not self.opened.done():
                self.opened.set_exception(error)
        except asyncio.CancelledError:
            if not self._left:
                raise
        finally:
            self.closed = Closed("us", 1000, self._left) if self._left else how
            if self._response is not None:
                self._ended(self, self.closed)
            elif not self.opened.done():
                self.opened.cancel()

    async def _read(self, source: httpx2.EventSource) -> None:
        before = self.last_event_id
        async for event in source:
            await self._reading.wait()
            fresh = event.id if event.id != before else ""  # the parser repeats it for events without one
            self.last_event_id = before = event.id or before
            self._arrived += 1
            self._receive(self, named(event.data, event="" if event.event == "message" else event.event, id=fresh))

    async def _read_whole(self, response: httpx2.Response) -> None:
        data = bytearray()
        async for piece in response.aiter_bytes():
            await self._reading.wait()
            data += piece
            if len(data) > self._limits.message_bytes:
                raise httpx2.SSEError("too large")
        if data.strip():
            self._receive(self, bytes(data))

    def _leave(self, why: str) -> None:
        self._left = self._left or why
        if self._stream is not None:
            self._stream.cancel()


def address(url: str) -> str:
    """`url`, checked. Raises ValueError with one sentence that doesn't show the query."""
    checked(url, ("http", "https"), "address of an event stream")
    try:
        httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ValueError(f"{url.partition('?')[0]!r} is no address of an event stream") from None
    return url.partition("#")[0]


def check_carrier(credential: Credential, terms: Terms) -> None:
    """Raises NotConnected where `credential` is to be carried in a way that HTTP has not."""
    if credential.first_message is not None or credential.subprotocols or terms.subprotocols:
        raise NotConnected("answer", "HTTP carries no first message and no subprotocol: give carrier=header in --auth")


def _checked(response: httpx2.Response, only_stream: bool) -> bool:
    """Whether it is an event stream. Raises NotConnected where it is a refusal, or no stream though it must be one."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if response.status_code != 200 if only_stream else not response.is_success:
        raise answered(response.status_code, response.reason_phrase, response.headers, "an event stream")
    is_stream = kind.lower() == "text/event-stream"
    if only_stream and not is_stream:
        raise NotConnected("answer", f"the server answered with {kind or 'no content type'} instead of an event stream")
    return is_stream


async def connect(
    url: str,
    credential: Credential,
    receive: Receive,
    ended: Ended,
    terms: Terms = PLAIN,
    *,
    body: str | None = None,
    reading: asyncio.Event | None = None,
) -> Connection:
    """An open event stream, as `Connect` says.

    With a `body` it is the answer to a POST, and need not be a stream; it is read while `reading` is set.
    """
    where = queried(address(url), credential.query)
    check_carrier(credential, terms)
    limits = terms.limits
    headers = {
        "Accept-Encoding": "gzip, deflate" if limits.compression else "identity",
        **({"Origin": terms.origin} if terms.origin else {}),
        **({"Last-Event-ID": terms.last_event_id} if terms.last_event_id else {}),
        **({"Content-Type": "application/json"} if body is not None else {}),
        **dict(carried(credential)),
    }
    # less than the window that TCP has begun with, and the server would send on only a few times a second
    size = max(terms.receive_buffer, SMALLEST_BUFFER)
    options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, size)] if terms.receive_buffer else None
    transport = httpx2.AsyncHTTPTransport(verify=terms.tls or usual_tls(), trust_env=False, socket_options=options)
    made = Connection(receive, ended, limits, terms.last_event_id, reading)
    try:
        async with asyncio.timeout(limits.open_seconds):
            await made.start(where, headers, transport, body)
    except TimeoutError:
        made.abort()
        raise NotConnected("timeout", f"no event stream within {limits.open_seconds:g} s") from None
    except httpx2.ConnectError as error:
        raise unreached(
            underlying(error) or ConnectionResetError(), urlsplit(where).hostname or "", where.startswith("https:")
        ) from None
    except httpx2.HTTPError as error:
        raise NotConnected("lost", f"the server went away before it had answered ({type(error).__name__})") from None
    except BaseException:
        made.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await made.close()
        raise
    return made
