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

    Code, classes, other modules, loggers and what belongs to the harness are left out; so are empty containers, for a
    registry that keeps an empty set for each user it has ever known holds nothing of theirs.
    """
    stack: list[Any] = []
    for root in roots:
        stack.append(root)
        module = sys.modules.get(type(root).__module__)
        path = getattr(module, "__file__", None) or ""
        if module is not None and path and "site-packages" not in path and not path.startswith(sys.base_prefix):
            stack += [v for v in vars(module).values() if not isinstance(v, _NEITHER) and not callable(v)]
            stack += [v for v in vars(type(root)).values() if isinstance(v, dict | list | set)]
    seen: set[int] = {id(world), id(world.history), id(world.wires), id(world.program)}
    objects = size = 0
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, _NEITHER):
            continue
        seen.add(id(item))
        if isinstance(item, _CONTAINERS) and not item:
            continue
        size += sys.getsizeof(item, 0)
        if gc.is_tracked(item) or isinstance(item, dict | tuple):
            objects += 1
        if isinstance(item, _NOT_INTO):
            continue
        if isinstance(item, FunctionType):
            stack += [cell for cell in item.__closure__ or ()]
        elif isinstance(item, MethodType):
            stack.append(item.__self__)
        else:
            stack += gc.get_referents(item)
    return objects, size
