"""The seam between a live run and the wire: what a connection can do, whichever transport it speaks.

One file beside this for each: WebSocket, SSE. A run opens connections by a `Connect` and never asks what they are.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from crosstalk.auth.base import Credential


class NotConnected(Exception):
    """A connection could not be opened; the message is one sentence without secrets.

    `kind` is one of: dns, refused, timeout, tls, status, answer, lost. `status` is that of an HTTP answer, 0 without.
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
        *,
        limits: Limits = USUAL,
        tls: ssl.SSLContext | None = None,
        origin: str = "",
        receive_buffer: int = 0,
        last_event_id: str = "",
    ) -> Connection:
        """An open connection of `credential`'s user. Raises NotConnected, and ValueError for what is no address.

        `receive_buffer` bytes in the kernel, where given, make backpressure reach the server soon.
        """
        ...


def verified_tls(authority: str = "") -> ssl.SSLContext:
    """TLS as it must be: certificate and host name verified, also against the `authority` file where one is given."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(authority)
    return context
