"""The types of Starlette and `websockets` that a broadcaster may compare with or catch, where they are loaded.

A broadcaster can only name a class of a library that is loaded. So one exception that is an instance of what each
loaded library raises suits them all, and nothing here imports either.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any


class _FallbackState(int):
    """Starlette's WebSocketState by value and name, where Starlette is not loaded."""

    @property
    def value(self) -> int:
        return int(self)

    @property
    def name(self) -> str:
        return _STATE_NAMES[self]


_STATE_NAMES = ("CONNECTING", "CONNECTED", "DISCONNECTED")
_FALLBACK = {name: _FallbackState(value) for value, name in enumerate(_STATE_NAMES)}


def starlette_state(name: str) -> Any:
    starlette = sys.modules.get("starlette.websockets")
    return _FALLBACK[name] if starlette is None else starlette.WebSocketState[name]


def websockets_state(name: str) -> Any:
    websockets = sys.modules.get("websockets.protocol")
    return None if websockets is None else websockets.State[name]


def uses_websockets(names: dict[str, Any]) -> bool:
    """Whether a module with these globals holds `websockets`, one of its modules, classes or functions."""
    return any(_home(value).partition(".")[0] == "websockets" for value in list(names.values()))


def _home(value: Any) -> str:
    # the type is asked, since a lazy proxy among the globals may raise on any attribute
    if issubclass(type(value), types.ModuleType):
        return str(value.__name__)
    return str(value.__module__) if issubclass(type(value), type | types.FunctionType) else type(value).__module__


@functools.cache
def _made(base: type[Exception], code: int, starlette: Any, websockets: Any) -> type[Exception]:
    names = {RuntimeError: "WebSocketDisconnected", ConnectionResetError: "WebSocketDisconnect"}
    bases: list[type[Exception]] = [base]
    if starlette is not None and hasattr(starlette, names[base]):
        kind = getattr(starlette, names[base])
        bases = [kind] if issubclass(kind, base) else [base, kind]
    if websockets is not None:
        bases.append(websockets.ConnectionClosedError if code == 1006 else websockets.ConnectionClosedOK)
    if bases == [base]:
        return base

    def begin(self: Exception, message: str) -> None:
        base.__init__(self, message)

    body = {"__init__": begin, "__str__": base.__str__, "code": code, "reason": ""}
    body |= {"rcvd": None, "sent": None, "rcvd_then_sent": None, "__module__": "builtins"}
    return type(base.__name__, tuple(bases), body)


def ended(base: type[Exception], code: int) -> type[Exception]:
    """The class to raise for the end of a connection: `base`, and an instance of what the libraries raise for it.

    A broadcaster can only catch an exception of a library that is loaded, so one class for all suits each.
    """
    if base not in (RuntimeError, ConnectionResetError):
        return base
    return _made(base, code, sys.modules.get("starlette.websockets"), sys.modules.get("websockets.exceptions"))


def is_end(error: BaseException) -> bool:
    """Whether `error` is a library's own way to say that its connection has ended, by whatever it was learnt."""
    starlette = sys.modules.get("starlette.websockets")
    if starlette is not None and isinstance(error, starlette.WebSocketDisconnect):
        return True
    websockets = sys.modules.get("websockets.exceptions")
    if websockets is not None and isinstance(error, websockets.ConnectionClosed):
        return True
    # Starlette's and the ASGI servers' RuntimeErrors for a send after the end
    return isinstance(error, RuntimeError) and str(error).startswith(("Cannot call ", "Unexpected ASGI message"))
