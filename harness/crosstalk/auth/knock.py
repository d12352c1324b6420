"""One connection under observation: knock at a server with a credential, say something, and note how it answers.

Nothing is followed and nothing retried: a redirect is an answer too. Frames are noted by their *shape*, so that what a
bad credential gets can be compared with what good ones got. A frame whose words say no ("unauthorized", "token
expired") has the shape DENIAL besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.typing import Origin, Subprotocol

from crosstalk.auth.base import Credential
from crosstalk.auth.exchange import is_loopback
from crosstalk.auth.overheard import Overheard
from crosstalk.auth.redaction import Redactor
from crosstalk.model.attempt import DENIAL, Answer, Heard, Kind
from crosstalk.targets.cause import Asked, HttpCall, NotCaused
from crosstalk.targets.connection import NotConnected
from crosstalk.targets.reading import Read
from crosstalk.targets.shape import shape
from crosstalk.targets.transports import transport
from crosstalk.targets.websocket import connect as websocket_connect

_THING = r"(?:token|credentials?|signature|jwt|session|auth\w*)"
_NO = re.compile(
    r"unauthori[sz]ed|unauthenticated|forbidden|denied"
    r"|not (?:logged in|authori[sz]ed|authenticated|allowed|permitted)"
    r"|(?:log|sign)[ -]?in (?:first|again|to |is |required)|please (?:log|sign)[ -]?in|please authenticate"
    rf"|(?:invalid|expired|missing|bad|no|revoked|malformed|unknown)[ _-]*(?:\w+[ _-]+)?{_THING}"
    rf"|{_THING}[ _-]*(?:is |has |was )?(?:been )?(?:invalid|expired|missing|required|failed|rejected|revoked|error)",
    re.IGNORECASE,
)
_DENIALS_ARE_SHORT = 2_000
_KINDS: dict[str, Kind] = {"status": "refused", "denied": "refused", "timeout": "no answer"}


class _Direct(websockets_connect):
    """A connection attempt that takes a redirect for the answer it is."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


@dataclass(slots=True)
class Visit:
    """One connection and what came of it. Made by `knock`; `leave` it in the end.

    `frames` are the shapes of what was sent, and after how many seconds each first came. `marks` says whose each mark
    is; it may grow while the visit lasts. What is said goes by `post`, where that is not on the connection. `read`
    reads what is streamed in pieces, where anything is.
    """

    user_id: str
    request: str
    marks: Mapping[str, str]
    connection: ClientConnection | Overheard | None = None
    post: Callable[[str], Awaitable[None]] | None = None
    posted_to: str = ""
    read: Read | None = None
    failed: Answer | None = None
    frames: dict[str, float] = field(default_factory=dict)
    heard: dict[Heard, None] = field(default_factory=dict)
    echoed: dict[str, None] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    excerpt: str = ""
    began: float = 0.0
    _streamed: str = ""
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def open(self) -> bool:
        return (
            self.connection is not None and self.failed is None and self._reader is not None and not self._reader.done()
        )

    async def say(self, text: str) -> None:
        """Send one text frame; a connection that is closed by now says so in its answer."""
        self.said.append(f"{self.posted_to} {text}".lstrip())
        if self.connection is None:
            return
        try:
            await (self.post or self.send)(text)
        except NotCaused as refused:
            if self.post is None:
                self.failed = Answer("refused", status=refused.status, reason=str(refused)[:120])
            self._note(str(refused))
            self._news.set()

    async def send(self, text: str) -> None:
        assert self.connection is not None
        with contextlib.suppress(ConnectionClosed):
            await self.connection.send(text)

    async def listen(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Until `until()` is so, the connection closes, or `seconds` have passed."""
        ends = time.monotonic() + seconds
        while self.open and not until():
            self._news.clear()
            left = ends - time.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)

    def forget(self) -> None:
        """What came so far no longer counts: the next answer is of what comes from now on."""
        self.frames.clear()
        self.heard.clear()
        self.echoed.clear()
        self.excerpt = ""
        self.began = time.monotonic()

    def answer(self) -> Answer:
        """How the server has answered so far."""
        if self.failed is not None:
            return self.failed
        assert self.connection is not None
        seconds = round(time.monotonic() - self.began, 3)
        got: dict[str, Any] = {"frames": tuple(self.frames), "heard": tuple(self.heard), "echoed": tuple(self.echoed)}
        if self.open:
            return Answer("open", reason=self.excerpt, seconds=seconds, **got)
        code = self.connection.close_code or 1006
        reason = (self.connection.close_reason or "")[:120]
        return Answer("closed", code=code, reason=reason, seconds=seconds, **got)

    async def leave(self) -> None:
        if self.connection is not None:
            with contextlib.suppress(WebSocketException, OSError):
                await self.connection.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def _piece(self, text: str) -> str:
        """What the frame adds to a text that is streamed in pieces."""
        readings = self.read(text.encode()) if self.read is not None else None
        return "".join(reading.text or "" for reading in readings or ())

    async def _read(self) -> None:
        assert self.connection is not None
        try:
            async for frame in self.connection:
                self._note(frame)
                self._news.set()
        except ConnectionClosed:
            pass
        finally:
            self._news.set()

    def _note(self, frame: str | bytes) -> None:
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        kind = shape(frame, (*self.marks, self.user_id))
        self._streamed += self._piece(text)
        for mark, owner in self.marks.items():
            if mark in text or mark in self._streamed:
                self._streamed = ""
                self.heard[Heard(self.user_id, owner)] = None
                if owner == self.user_id:
                    self.echoed[kind] = None
        self.frames.setdefault(kind, time.monotonic() - self.began)
        words = _NO.search(text[:_DENIALS_ARE_SHORT])
        if words is not None and not any(mark in text for mark in self.marks):
            self.frames.setdefault(DENIAL, time.monotonic() - self.began)
            self.excerpt = self.excerpt or words[0]


def url_for(url: str, user_id: str, credential: Credential) -> str:
    """`url` with {user} filled in and the credential's query added to its own."""
    parts = urlsplit(url.replace("{user}", quote(user_id, safe="")))
    query = "&".join(filter(None, (parts.query, urlencode(credential.query))))
    return urlunsplit(parts._replace(query=query))


def request_text(url: str, headers: list[tuple[str, str]], subprotocols: tuple[str, ...]) -> str:
    """The upgrade request as it goes out, apart from what every WebSocket handshake has."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers)]
    if subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
    return "\n".join(lines)


async def knock(
    url: str,
    credential: Credential,
    *,
    redactor: Redactor,
    marks: Mapping[str, str] | None = None,
    user_id: str = "",
    origin: str = "",
    query: tuple[tuple[str, str], ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    timeout: float = 10.0,
    verify: ssl.SSLContext | None = None,
    call: HttpCall | None = None,
    read: Read | None = None,
) -> Visit:
    """Connect to `url` (with {user} in it, `user_id`) with `credential`; its first message goes out at once.

    What is said later goes by `call`, where there is one, with the same credential and whatever else is carried.
    """
    user_id = user_id or credential.user_id
    carried = replace(credential, headers=(*credential.headers, *headers), query=(*credential.query, *query))
    whole = url_for(url, user_id, carried)
    sent = list(carried.headers)
    if credential.cookies:
        sent.append(("Cookie", "; ".join(f"{name}={value}" for name, value in credential.cookies)))
    shown = sent + ([("Origin", origin)] if origin else [])
    request = redactor.text(request_text(whole, shown, credential.subprotocols))
    visit = Visit(credential.user_id, request, marks if marks is not None else {}, read=read, began=time.monotonic())
    if call is not None:
        asked = Asked(user_id, "crosstalk", "crosstalk", "crosstalk", replace(carried, headers=tuple(shown)))
        visit.post, visit.posted_to = partial(call.post, asked=asked), f"POST {call.url.partition('?')[0]}"
    more: dict[str, Any] = {"ssl": verify} if verify is not None else {}
    try:
        connect = transport(url, call is None)
        if connect is not websocket_connect:
            visit.connection = overheard = Overheard()
            await overheard.open(connect, url_for(url, user_id, Credential(user_id)), carried, origin, timeout, verify)
        else:
            visit.connection = await _Direct(
                whole,
                origin=Origin(origin) if origin else None,
                subprotocols=[Subprotocol(name) for name in credential.subprotocols] or None,
                additional_headers=sent,
                proxy=None if is_loopback(whole) else True,
                open_timeout=timeout,
                close_timeout=2,
                max_size=16 << 20,
                **more,
            )
    except NotConnected as failed:
        visit.connection = None
        kind = _KINDS.get(failed.kind, "unreachable")
        reason = "" if failed.status else redactor.text(str(failed))[:120]
        visit.failed = Answer(kind, status=failed.status, reason=reason, seconds=_since(visit.began))
    except InvalidStatus as error:
        visit.failed = Answer("refused", status=error.response.status_code, seconds=_since(visit.began))
    except TimeoutError:
        visit.failed = Answer("no answer", reason=f"no handshake within {timeout:g} s", seconds=_since(visit.began))
    except (InvalidURI, ValueError):
        visit.failed = Answer("unreachable", reason="the URL is none that a WebSocket can have")
    except (InvalidHandshake, EOFError) as error:
        reason = redactor.text(str(error))[:120]
        visit.failed = Answer("unreachable", reason=reason, seconds=_since(visit.began))
    except OSError as error:
        reason = redactor.text(error.strerror or str(error) or type(error).__name__)[:120]
        visit.failed = Answer("unreachable", reason=reason, seconds=_since(visit.began))
    if visit.connection is not None:
        visit._reader = asyncio.create_task(visit._read())
        if credential.first_message is not None:
            visit.said.append(credential.first_message)
            await visit.send(credential.first_message)
    return visit


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
