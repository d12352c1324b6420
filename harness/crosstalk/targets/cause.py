"""How a user causes an event on a system that we don't own: by a message, by an HTTP call, or by a Python callable.

A message is a template, of JSON mostly, with `{canary}`, `{run}`, `{thread}`, `{user}` and `{text}`, which is a
sentence that says it is synthetic and holds the canary. The message forms of agent chats are presets.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from crosstalk.auth.base import Credential
from crosstalk.targets.connection import carried, queried
from crosstalk.targets.reading import ENDS, SOCKET_IO

PRESETS = {
    "start_agent": '{"type":"start_agent","payload":{"user_request":"{text}","thread_id":"{thread}","run_id":"{run}"}}',
    "user_message": '{"type":"user_message","payload":{"message":"{text}","thread_id":"{thread}","run_id":"{run}"}}',
    "chat": '{"type":"chat","payload":{"content":"{text}","thread_id":"{thread}","run_id":"{run}"}}',
}
PLACES = ("canary", "run", "thread", "user", "text")
_PLACE = re.compile("{(" + "|".join(PLACES) + ")}")
_TOLD = {*PLACES} - {"user"}
HTTP_SECONDS = 10.0


class Asked(NamedTuple):
    """What a user asks for: who, the canary, the ids that go with it, and what an HTTP call carries as proof."""

    user: str
    canary: str
    run: str
    thread: str
    credential: Credential = Credential("")


class NotCaused(Exception):
    """The system did not take the request; the message is one sentence. `status` is that of an HTTP answer, or 0."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class Cause(Protocol):
    """One way of causing an agent run. `on_connection` says whether it is a message on the user's connection."""

    @property
    def on_connection(self) -> bool: ...

    async def ask(self, asked: Asked, send: Callable[[str], Awaitable[None]] | None) -> None:
        """Cause the run. Raises NotCaused, and ConnectionError where the connection has gone."""
        ...


def filled(template: str, asked: Asked, escape: Callable[[str], str]) -> str:
    """The template with its places filled, each value escaped for where it stands."""
    values = {
        "canary": asked.canary,
        "run": asked.run,
        "thread": asked.thread,
        "user": asked.user,
        "text": f"synthetic message of a Crosstalk test, {asked.canary}",
    }
    return _PLACE.sub(lambda place: escape(values[place[1]]), template)


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the user's own connection."""

    template: str
    on_connection: bool = True

    async def ask(self, asked: Asked, send: Callable[[str], Awaitable[None]] | None) -> None:
        assert send is not None
        await send(filled(self.template, asked, _in_json))


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A POST that carries what the user's connections carry: headers, cookies, and parameters of the query."""

    url: str
    body: str
    tls: ssl.SSLContext | None = None
    on_connection: bool = False

    async def ask(self, asked: Asked, send: Callable[[str], Awaitable[None]] | None) -> None:
        await self.post(filled(self.body, asked, _in_json), asked, None)  # whoever asks knows how long a run may take

    async def post(self, body: str, asked: Asked, seconds: float | None = HTTP_SECONDS) -> None:
        """Call with `body` as it is, to be answered within `seconds`. Raises NotCaused."""
        from crosstalk.targets.calling import CallFailed, call

        try:
            await call(
                "POST",
                queried(filled(self.url, asked, lambda value: quote(value, safe="")), asked.credential.query),
                seconds=seconds,
                body=body,
                headers=[*carried(asked.credential), ("Content-Type", "application/json")],
                tls=self.tls,
            )
        except CallFailed as failed:
            raise NotCaused(f"the HTTP call {failed}") from None


@dataclass(frozen=True, slots=True)
class Call:
    """A Python callable, sync or async, of user, canary, run id and thread id."""

    function: Callable[[str, str, str, str], Any]
    on_connection: bool = False

    async def ask(self, asked: Asked, send: Callable[[str], Awaitable[None]] | None) -> None:
        try:
            if inspect.iscoroutinefunction(self.function):
                await self.function(asked.user, asked.canary, asked.run, asked.thread)
            else:
                await asyncio.to_thread(self.function, asked.user, asked.canary, asked.run, asked.thread)
        except Exception as error:
            raise NotCaused(f"the callable raised {type(error).__name__}: {str(error)[:200]}") from None


def cause(spec: str = "start_agent", body: str = "") -> Cause:
    """The cause that `spec` names: a preset, a JSON template (also as a Socket.IO event), http(s) URL, module:callable.

    `body` is the template of an HTTP call's body. Raises ValueError with one sentence.
    """
    if spec in PRESETS:
        return Message(PRESETS[spec])
    if spec.startswith(("http://", "https://")):
        if not urlsplit(spec).hostname:
            raise ValueError(f"{spec!r} is no HTTP address to cause events by")
        return HttpCall(spec, _checked(body or '{"user_id":"{user}","message":"{text}","run_id":"{run}"}'))
    if spec.lstrip().startswith(("{", "[")) or SOCKET_IO.match(spec.encode()) or _TOLD & set(_PLACE.findall(spec)):
        return Message(_checked(spec))
    if not names_callable(spec):
        raise ValueError(
            f"{spec!r} is no way to cause an event: give {', '.join(PRESETS)}, a template with {{canary}} or {{text}}, "
            "an http(s) address, or module:callable"
        )
    return Call(imported(spec))


def names_callable(spec: str) -> bool:
    """Whether `spec` has the form module:callable."""
    module, colon, attribute = spec.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), attribute))


def imported(spec: str) -> Callable[..., Any]:
    """The callable that `spec`, module:callable, names. Raises ValueError with one sentence."""
    module, _, attribute = spec.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{spec} could not be imported: {error}") from None
    if not callable(function):
        raise ValueError(f"{spec} is not callable")
    return function  # type: ignore[no-any-return]


def _checked(template: str) -> str:
    if not _TOLD & set(_PLACE.findall(template)):
        raise ValueError(f"the template {template[:80]!r} has none of {{canary}}, {{text}}, {{run}} and {{thread}}")
    text = filled(template, Asked("user", "canary", "run", "thread"), _in_json).encode()
    body = SOCKET_IO.sub(b"", text, count=1).strip().rstrip(ENDS)
    try:
        if body.startswith((b"{", b"[")):
            json.loads(body)
    except ValueError as error:
        raise ValueError(f"the template {template[:80]!r} is no JSON once it is filled: {error}") from None
    return template
