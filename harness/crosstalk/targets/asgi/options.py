"""What the connections and requests of simulated users carry, given as templates.

In every template `{user}` is the user's id, `{token}` what `token` makes of it (the id itself, where nothing is named),
`{connection}` an id of the connection, and `{env:NAME}` a variable of the environment: so that a secret stands neither
in a command line nor in a replay token. Bodies and client messages also know `{event}`, the whole event as JSON, and
its `{type}`, `{run}`, `{thread}`, `{canary}` and `{text}`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from crosstalk.auth.base import Credential
from crosstalk.targets.reading import Pointers, declared

_WHO = ("user", "token", "connection")
_WHAT = ("event", "type", "run", "thread", "canary", "text")
_PLACEHOLDER = re.compile(r"\{([a-z]+)(?::(\w+))?\}")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
READY = ("auto", "accept", "frame")
PRESETS = {
    "start_agent": '{"type": "start_agent", "payload": '
    '{"user_request": "{text} {canary}", "thread_id": "{thread}", "run_id": "{run}"}}',
    "user_message": '{"type": "user_message", "payload": {"message": "{text} {canary}", "thread_id": "{thread}"}}',
    "chat": '{"type": "chat", "payload": {"message": "{text} {canary}", "thread_id": "{thread}"}}',
}
"""Forms of the user's own message, as `--publish message:NAME`."""


class Options(msgspec.Struct, frozen=True):
    """How users connect and how an event is caused.

    ready: a connection counts as open when the application has accepted it ("accept"), has sent its first frame
    ("frame"), or ("auto") waits for the client after accepting, has sent a frame, or a moment has passed.
    publish: "POST /path" (any method), "module:function", "message" or "message:PRESET".
    read: where events say what they are.
    """

    open: str
    publish: str
    header: tuple[tuple[str, str], ...] = ()
    subprotocol: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    cookie: tuple[tuple[str, str], ...] = ()
    publish_header: tuple[tuple[str, str], ...] = ()
    auth: str = ""
    token: str = ""
    hello: str = ""
    ready: str = "auto"
    body: str = "{event}"
    read: Pointers = Pointers()

    @property
    def request(self) -> tuple[str, str] | None:
        """Method and path, where an event is caused by an HTTP request."""
        method, space, path = self.publish.partition(" ")
        return (method, path.strip()) if space else None

    @property
    def function(self) -> tuple[str, str] | None:
        """Module and attribute, where an event is caused by a Python callable."""
        module, colon, attribute = self.publish.rpartition(":")
        return (module, attribute) if colon and not self.request and not self.says else None

    @property
    def says(self) -> bool:
        """Whether an event is caused by the user's own message."""
        return self.publish == "message" or self.publish.startswith("message:")


def parse(names: Mapping[str, str]) -> Options:
    """The options by their names; several values of one stand in lines. Raises ValueError with one sentence."""
    given = {name: value for name, value in names.items() if value}
    for name in ("connect", "disconnect"):
        if name in given:
            raise ValueError(f"an ASGI application has no method to {name}: give --open PATH instead of --{name}")
    path = given.get("open", "")
    if not path:
        raise ValueError("say where users connect: --open /ws (it may hold {user} and {token})")
    if not path.startswith("/"):
        raise ValueError(f"--open {path!r} is no path: give one that begins with /, such as /ws/{{user}}")
    publish = given.get("publish", "").strip()
    if not publish:
        raise ValueError(
            "say how an event is caused: --publish 'POST /users/{user}/events', --publish module:function "
            "(called with user id and event), or --publish message (the user's own message, echoed back)"
        )
    options = Options(
        path,
        publish,
        _pairs(given, "header", ":"),
        tuple(_lines(given.get("subprotocol", ""))),
        _pairs(given, "query", "="),
        _pairs(given, "cookie", "="),
        _pairs(given, "publish_header", ":"),
        given.get("auth", ""),
        given.get("token", ""),
        given.get("hello", ""),
        given.get("ready", "auto"),
        given.get("body") or PRESETS.get(publish.removeprefix("message:"), "{event}"),
        _pointers(given.get("read", "")),
    )
    _checked(options)
    return options


def _checked(options: Options) -> None:
    request = options.request
    if request is not None and (request[0] not in _METHODS or not request[1].startswith("/")):
        raise ValueError(
            f"--publish {options.publish!r} is no request: give a method ({', '.join(_METHODS)}) and a path, "
            "such as 'POST /users/{user}/events'"
        )
    if options.says and ":" in options.publish and options.publish.removeprefix("message:") not in PRESETS:
        raise ValueError(f"--publish {options.publish!r} is no known message: there are {', '.join(PRESETS)}")
    if request is None and options.function is None and not options.says:
        raise ValueError(
            f"--publish {options.publish!r} is not understood: give 'POST /path', module:function or message"
        )
    if options.token and ":" not in options.token:
        raise ValueError(f"--token {options.token!r} is no callable: give module:function, called with the user id")
    if options.ready not in READY:
        raise ValueError(f"--ready {options.ready!r}: give {', '.join(READY[:-1])} or {READY[-1]}")
    who = [
        ("--open", options.open),
        ("--publish", "" if request is None else request[1]),
        ("--hello", options.hello),
        *(("--subprotocol", text) for text in options.subprotocol),
        *((f"--{name}", text) for name in ("header", "query", "cookie") for _, text in getattr(options, name)),
        *(("--publish-header", text) for _, text in options.publish_header),
    ]
    for option, text in who:
        for name, _ in _PLACEHOLDER.findall(text):
            if name not in (*_WHO, "env") and option != "--hello":
                raise ValueError(
                    f"{option} has a placeholder {{{name}}}: there are {{user}}, {{token}}, {{connection}}"
                )
    for text in (*(text for _, text in who), options.body):
        for name, variable in _PLACEHOLDER.findall(text):
            if name == "env" and variable not in os.environ:
                raise ValueError(f"the environment has no variable {variable}, which {{env:{variable}}} asks for")


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _pairs(given: Mapping[str, str], name: str, between: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for line in _lines(given.get(name, "")):
        key, found, value = line.partition(between)
        if not found or not key.strip() or (between == ":" and not _TOKEN.fullmatch(key.strip())):
            form = "Name: value" if between == ":" else "name=value"
            raise ValueError(f"--{name.replace('_', '-')} {key.strip()!r} lacks a value: give '{form}'")
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


def _pointers(text: str) -> Pointers:
    try:
        return Pointers(**declared(_lines(text)))
    except ValueError as error:
        raise ValueError(f"--read {error}") from None


class Unsendable(Exception):
    """A user's id or token can't stand where the template puts it: no client could send it."""


def filled(template: str, values: Mapping[str, str], quoted: Callable[[str], str] = str) -> str:
    """`template` with what it names; each value goes through `quoted`. What is no placeholder stays as it is."""

    def value(found: re.Match[str]) -> str:
        name, variable = found.groups()
        if name == "env" and variable:
            return quoted(os.environ.get(variable, ""))
        return quoted(values[name]) if name in values and not variable else found.group()

    return _PLACEHOLDER.sub(value, template)


def path_of(template: str, values: Mapping[str, str]) -> tuple[str, bytes]:
    """The target of a request: path (percent-encoded) and query string."""
    path, _, query = filled(template, values, lambda text: quote(text, safe="")).partition("?")
    return path, query.encode("ascii", "ignore")


def credential(options: Options, values: Mapping[str, str]) -> Credential:
    """What one connection carries. Raises Unsendable."""

    def header(text: str) -> str:
        if not text.isascii() or not text.isprintable() or text != text.strip():
            raise Unsendable
        return text

    def word(text: str) -> str:
        if not _TOKEN.fullmatch(text):
            raise Unsendable
        return text

    def cookie(text: str) -> str:
        if not text.isascii() or not text.isprintable() or any(c in ' ",;\\' for c in text):
            raise Unsendable
        return text

    return Credential(
        values["user"],
        tuple((name, header(filled(text, values, header))) for name, text in options.header),
        tuple(word(filled(text, values)) for text in options.subprotocol),
        tuple((name, filled(text, values)) for name, text in options.query),
        tuple((name, filled(text, values, cookie)) for name, text in options.cookie),
        message(options.hello, values) if options.hello else None,
    )


def headers_of(carried: Credential, extra: Iterable[tuple[str, str]] = ()) -> list[tuple[bytes, bytes]]:
    """The credential's headers and cookies as they stand on the wire; those of `extra` replace others of their name."""
    named = {name.lower(): text for name, text in (*carried.headers, *extra)}
    if carried.cookies:
        named["cookie"] = "; ".join(f"{name}={text}" for name, text in carried.cookies)
    return [(name.encode("ascii"), text.encode("latin-1")) for name, text in named.items()]


def query_of(carried: Credential, query: bytes) -> bytes:
    return b"&".join(part for part in (query, urlencode(carried.query).encode("ascii")) if part)


def message(template: str, values: Mapping[str, str], event: Mapping[str, Any] | None = None) -> str:
    """A JSON text: values stand inside its strings, `{event}` stands for the whole event."""
    known = {name: _inside(text) for name, text in values.items()}
    if event is not None:
        known |= {
            "type": _inside(event["type"]),
            "run": _inside(event["run_id"]),
            "thread": _inside(event["thread_id"]),
            "canary": _inside(event["payload"]["canary"]),
            "text": _inside(event["payload"]["text"]),
        }
        known["event"] = json.dumps(event)
    return filled(template, known)


def _inside(text: str) -> str:
    return json.dumps(text)[1:-1]
