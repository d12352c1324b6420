"""What a connect returned to read from: a queue, an async iterator, or an async context manager around one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec


async def items(source: Any) -> AsyncIterator[Any]:
    """What a queue, an async iterator or an async context manager around one gives."""
    if hasattr(source, "__aenter__") and not hasattr(source, "__aiter__") and not hasattr(source, "get"):
        async with source as inner:
            async for item in items(inner):
                yield item
        return
    if hasattr(source, "__aiter__"):
        async for item in source:
            yield item
        return
    take = getattr(source, "get", None) or getattr(source, "receive", None) or getattr(source, "recv", None)
    while take is not None:
        item = take()
        if hasattr(type(item), "__await__"):
            item = await item
        yield item
        done = getattr(source, "task_done", None)
        if callable(done):
            with contextlib.suppress(ValueError):
                done()


def as_bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass")
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    try:
        return msgspec.json.encode(item)
    except TypeError:
        return repr(item).encode("utf-8", "surrogatepass")
