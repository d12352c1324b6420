"""A Python object as target: finds its connect, disconnect and publish methods by their common names.

The three methods may be sync or async and may take the user id first or second; a parameter's name tells which it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

CONNECT = (
    "connect",
    "add_connection",
    "register_connection",
    "register",
    "add",
    "subscribe",
    "attach",
    "join",
)
DISCONNECT = (
    "disconnect",
    "remove_connection",
    "unregister_connection",
    "unregister",
    "remove",
    "unsubscribe",
    "detach",
    "leave",
)
PUBLISH = (
    "broadcast_to_user",
    "send_to_user",
    "send_personal_message",
    "emit_to_user",
    "publish_to_user",
    "notify_user",
    "send_event",
    "publish",
    "emit",
    "notify",
    "broadcast",
    "send",
)
_SOCKET_NAMES = ("websocket", "socket", "ws", "conn", "connection", "client", "sock")
_EVENT_NAMES = ("event", "message", "msg", "payload", "data", "body", "content")


class NotABroadcaster(Exception):
    """The object lacks a usable connect, disconnect or publish method; the message says which was looked for."""


Plan = Callable[[Any], Callable[[str, Any], Any]]


def _method(broadcaster: object, names: tuple[str, ...], role: str) -> str:
    for name in names:
        if callable(getattr(broadcaster, name, None)):
            return name
    raise NotABroadcaster(
        f"{type(broadcaster).__name__} has no method to {role}: looked for {', '.join(names)}. "
        "Give an object with one of these names, or wrap it in a small class that has connect, disconnect and publish"
    )


def _order(function: Callable[..., Any], second: tuple[str, ...], where: str) -> str:
    """How to call `function` with (user, thing): "ut", "tu", "t" (thing only) or "u" (user only)."""
    try:
        parameters = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        return "ut"
    required = [p for p in parameters if p.default is p.empty]
    if len(required) > 2:
        raise NotABroadcaster(
            f"{where} needs {len(required)} arguments ({', '.join(p.name for p in required)}); "
            "crosstalk gives two, a user id and a "
            f"{second[0]}: wrap the broadcaster in a small class that has connect, disconnect and publish"
        )

    def is_second(name: str) -> bool:
        return any(word == name or name.endswith("_" + word) for word in second)

    if len(parameters) == 1 or len(required) == 1:
        return "t" if is_second((required or parameters)[0].name) else "u"
    return "tu" if is_second(parameters[0].name) and not is_second(parameters[1].name) else "ut"


def _given(names: Mapping[str, str], role: str, common: tuple[str, ...]) -> tuple[str, ...]:
    return (names[role],) if names.get(role) else common


class Adapter:
    """How to call one kind of broadcaster, found out once from a sample; `bind` then serves each run's fresh one."""

    def __init__(self, sample: object, names: Mapping[str, str] | None = None) -> None:
        given = names or {}
        self.names = (
            _method(sample, _given(given, "connect", CONNECT), "connect a user"),
            _method(sample, _given(given, "disconnect", DISCONNECT), "disconnect a user"),
            _method(sample, _given(given, "publish", PUBLISH), "send an event to a user"),
        )
        seconds = (_SOCKET_NAMES, _SOCKET_NAMES, _EVENT_NAMES)
        self.orders = tuple(
            _order(getattr(sample, name), second, f"{type(sample).__name__}.{name}")
            for name, second in zip(self.names, seconds, strict=True)
        )

    def bind(self, broadcaster: object) -> tuple[Callable[[str, Any], Any], ...]:
        """The connect, disconnect and publish of `broadcaster`, each called with (user id, socket or event)."""
        return tuple(
            _call(getattr(broadcaster, name), order) for name, order in zip(self.names, self.orders, strict=True)
        )


def _call(method: Callable[..., Any], order: str) -> Callable[[str, Any], Any]:
    if order == "ut":
        return method
    if order == "tu":
        return lambda user, thing: method(thing, user)
    if order == "t":
        return lambda user, thing: method(thing)
    return lambda user, thing: method(user)
