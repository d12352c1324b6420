"""What a broadcaster holds on to: objects and bytes reachable from it and from its module's variables."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
from collections import deque
from collections.abc import Iterable
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from crosstalk.scenarios.socket import Socket

_NEITHER = (
    *(ModuleType, type, BuiltinFunctionType, CodeType, FrameType, asyncio.AbstractEventLoop, contextvars.Context),
    logging.Filterer,  # a module's logger leads to every handler of the process, and to what those keep
)
_CONTAINERS = (dict, list, set, frozenset, tuple, deque)
_NOT_INTO = (Socket, asyncio.Task, asyncio.Handle)


def reachable(roots: Iterable[Any], world: Any) -> tuple[int, int]:
    """(objects, bytes): containers count as objects, bytes are of everything.

    Code, other libraries, loggers and what belongs to the harness are left out; so are empty containers, for a registry
    that keeps an empty set for each user it has ever known holds nothing of theirs.
    """
    stack: list[Any] = list(roots)
    kinds: set[type] = set()
    entered: set[int] = set()
    seen: set[int] = {id(world), id(world.history), id(world.wires), id(world.program)}
    objects = size = 0
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, _NEITHER):
            continue
        seen.add(id(item))
        if isinstance(item, _CONTAINERS) and not item:
            continue
        kind = type(item)
        if kind not in kinds:
            kinds.add(kind)
            stack += _kept_beside(kind, entered)
        size += sys.getsizeof(item, 0)
        if gc.is_tracked(item) or isinstance(item, dict | tuple):
            objects += 1
        if isinstance(item, _NOT_INTO):
            continue
        if isinstance(item, FunctionType):
            stack += [item.__closure__, item.__defaults__, item.__kwdefaults__, item.__dict__]
        elif isinstance(item, MethodType):
            stack.append(item.__self__)
        else:
            stack += gc.get_referents(item)
    return objects, size


def _kept_beside(kind: type, entered: set[int]) -> Iterable[Any]:
    """What the module of a class keeps in variables, of its own and of its classes, and in functions."""
    name = kind.__module__
    # a module that was loaded again is not in `sys.modules`; its functions know it
    methods = (value for value in vars(kind).values() if isinstance(value, FunctionType) and value.__module__ == name)
    space = next((method.__globals__ for method in methods), {})
    path = space.get("__file__") or ""
    if id(space) in entered or not path or "site-packages" in path or path.startswith(sys.base_prefix):
        return
    entered.add(id(space))
    if name.startswith("crosstalk."):
        return
    for value in list(space.values()):
        if isinstance(value, type) and value.__module__ == name:
            for own in vars(value).values():
                own = getattr(own, "__func__", own)  # of a static or class method
                if isinstance(own, dict | list | set) or _is_function_of(own, name):
                    yield own
        elif _is_function_of(value, name) or not (isinstance(value, _NEITHER) or callable(value)):
            yield value


def _is_function_of(value: Any, name: str) -> bool:
    """Whether it is a function of the module, or wraps one, as a decorator's wrapper or a cache does."""
    return callable(value) and not isinstance(value, type) and getattr(value, "__module__", None) == name
