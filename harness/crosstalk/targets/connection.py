"""The seam between a live run and the wire: what a connection can do, whichever transport it speaks.

One file beside this for each: WebSocket, SSE, Socket.IO. A run opens connections by a `Connect` and never asks what
they are.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from crosstalk.auth.base import Credential


class NotConnected(Exception):
    """A connection could not be opened; the message is one sentence without secrets.

    `kind` is one of: dns, refused, timeout, tls, status, denied, answer, lost. `status` is that of an HTTP answer, 0
    without.
    """

    def __init__(self, kind: str, sentence: str, status: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that a connection may take."""

    open_seconds: float = 10.0
    close_seconds: float = 2.0
    message_bytes: int = 1 << 20
    compression: bool = False


USUAL = Limits()


@dataclass(frozen=True, slots=True)
class Terms:
    """How a connection is opened, whoever's it is.

    `subprotocols` are offered beside those of the user. `receive_buffer` bytes in the kernel, where given, make
    backpressure reach the server soon. `last_event_id` is that of the device's connection before this one.
    """

    limits: Limits = USUAL
    tls: ssl.SSLContext | None = None
    origin: str = ""
    subprotocols: tuple[str, ...] = ()
    receive_buffer: int = 0
    last_event_id: str = ""


PLAIN = Terms()


@dataclass(frozen=True, slots=True)
class Closed:
    """How a connection ended: `by` us, by the server's word, by the network, or broken by what the server sent.

    `code` is as in RFC 6455, 1006 where none came.
    """

    by: Literal["us", "server", "network", "broken"]
    code: int
    why: str


class Connection(Protocol):
    """One open connection of a user. `number` is the run's own; `closed` says how it ended, once it has.

    `last_event_id` is what the device's next connection tells the server, to be sent what it missed; "" for nothing.
    """

    number: int
    closed: Closed | None
    last_event_id: str

    @property
    def is_open(self) -> bool: ...

    async def send(self, text: str) -> None:
        """Send one text message; waits while the server doesn't read. Raises ConnectionError when closed."""
        ...

    async def ping(self, seconds: float) -> bool:
        """Whether the server answers in time. What it wrote before its answer has been received by then."""
        ...

    async def close(self) -> None:
        """End the connection politely; after a while also without the server's consent."""
        ...

    def abort(self) -> None:
        """Drop the connection without a word."""
        ...

    def reset(self) -> None:
        """Make the kernel send a TCP reset, as a crashed or impatient client does."""
        ...

    def fall_silent(self) -> None:
        """From now on neither read nor answer, without closing: a peer whose network is gone."""
        ...

    def pause_reading(self) -> None:
        """Stop reading, so that TCP holds up the server."""
        ...

    def resume_reading(self) -> None: ...


Receive = Callable[[Any, bytes], None]
"""Called with the connection and each whole message."""
Ended = Callable[[Any, Closed], None]
"""Called once with the connection, when it has ended."""


class Connect(Protocol):
    """Opens connections of one transport."""

    async def __call__(
        self,
        url: str,
        credential: Credential,
        receive: Receive,
        ended: Ended,
        terms: Terms = PLAIN,
    ) -> Connection:
        """An open connection of `credential`'s user. Raises NotConnected, and ValueError for what is no address."""
        ...


def checked(url: str, schemes: tuple[str, ...], what: str) -> SplitResult:
    """`url`, which is to be a `what`, in its parts. Raises ValueError with one sentence that doesn't show the query."""
    shown = url.partition("?")[0].rpartition("@")[2]
    try:
        parts = urlsplit(url)
        whole = parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(f"{shown!r} is no {what}") from None
    if parts.scheme not in schemes:
        begins = " nor ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"{shown!r} is no {what}: it begins with neither {begins}")
    if not whole:
        raise ValueError(f"{shown!r} is no {what}")
    if parts.username or parts.password:
        raise ValueError(f"{shown!r} is given with a user name or password: give credentials by --auth")
    return parts


def verified_tls(authority: str = "") -> ssl.SSLContext:
    """TLS as it must be: certificate and host name verified, also against the `authority` file where one is given."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(authority)
    return context


@lru_cache(1)
def usual_tls() -> ssl.SSLContext:
    """The same for everybody where no other is given: it takes longer to make than a connection."""
    return verified_tls()


def reset_when_closed(raw: Any) -> None:
    """Have the kernel end this socket by a TCP reset; None is taken for one that has gone."""
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


QUIET_SECONDS = 0.2


async def quiet(arrived: Callable[[], int], seconds: float) -> None:
    """Until no more has `arrived` for a moment, or `seconds` have passed: in place of a ping, where there is none."""
    loop = asyncio.get_running_loop()
    until, before = loop.time() + seconds, -1
    while before != (before := arrived()) and loop.time() < until:
        await asyncio.sleep(min(QUIET_SECONDS, seconds))


HEADERS_NOT_OURS = frozenset({"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"})


def carried(credential: Credential) -> list[tuple[str, str]]:
    """The headers that `credential` puts on a request, cookies among them."""
    headers = [(name, value) for name, value in credential.headers if name.lower() not in HEADERS_NOT_OURS]
    if credential.cookies:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in credential.cookies)))
    return headers


def joined(query: str | None, added: tuple[tuple[str, str], ...]) -> str:
    """`query` with more `added` to it."""
    more = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in added)
    return "&".join(part for part in (query, more) if part)


def queried(url: str, added: tuple[tuple[str, str], ...]) -> str:
    """`url` with more `added` to its query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=joined(parts.query, added))) if added else url


def answered(status: int, reason: str, headers: Mapping[str, str], instead_of: str) -> NotConnected:
    """The server gave an HTTP answer `instead_of` a connection."""
    page = ", with an HTML page," if "html" in headers.get("Content-Type", "") else ""
    after = headers.get("Retry-After", "")
    return NotConnected(
        "status",
        f"the server answered {status} {reason}".strip() + f"{page} instead of {instead_of}",
        status,
        float(after) if after.isdecimal() else 0.0,
    )


def underlying(error: BaseException) -> OSError | None:
    """What the operating system said, under what libraries say of it."""
    found: OSError | None = None
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            found = below
        below = below.exceptions[0] if isinstance(below, BaseExceptionGroup) else below.__cause__ or below.__context__
    return found


def unreached(error: OSError, host: str, agreeing: bool) -> NotConnected:
    """Why nothing could be connected to `host`; `agreeing` says that TLS was still to be agreed on."""
    match error:
        case ssl.SSLCertVerificationError():
            return NotConnected("tls", f"the certificate was not accepted: {error.verify_message}")
        case ssl.SSLError():
            return NotConnected("tls", f"TLS failed: {error.reason or 'no TLS was spoken'}")
        case socket.gaierror():
            return NotConnected("dns", f"the name {host!r} has no address: {error.strerror}")
        case ConnectionRefusedError():
            return NotConnected("refused", "nobody listens there (ConnectionRefusedError)")
        case ConnectionError() if agreeing:
            what = "the server went away before TLS was agreed on; does it speak TLS?"
            return NotConnected("tls", f"{what} ({type(error).__name__})")
        case ConnectionError():
            return NotConnected("lost", f"the server went away in the opening handshake ({type(error).__name__})")
    return NotConnected("refused", f"the server could not be reached: {error.strerror or type(error).__name__}")
