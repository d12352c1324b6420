"""Connections that are left rather than disconnected: an async iterator that is closed, a block that is left.

`async for event in hub.subscribe(user)`, `async with hub.connection(user, websocket):` and `unsubscribe = await
hub.subscribe(user, callback)` need no disconnect. Whoever
iterates one, or is inside the other, is connected; production has one task do both, and so does this.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

from crosstalk.targets.sources import items

BEGINNING = 3
"""Iterations in which a generator comes to its first wait: until then it can't have subscribed."""


class Left:
    """One connection: `begin` it, iterate it where it is read from, `leave` it."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._first: asyncio.Future[Any] | None = None
        self._inside: asyncio.Task[None] | None = None
        self._over: asyncio.Future[None] | None = None

    async def begin(self) -> Left:
        if hasattr(self._source, "__aenter__") and not hasattr(self._source, "__aiter__"):
            await self._enter()
        elif inspect.isasyncgen(self._source):
            self._first = asyncio.ensure_future(anext(self._source))
            for _ in range(BEGINNING):
                await asyncio.sleep(0)
        return self

    async def _enter(self) -> None:
        entered = asyncio.get_running_loop().create_future()
        self._over = asyncio.get_running_loop().create_future()
        self._inside = asyncio.ensure_future(self._hold(entered, self._over))
        try:
            await asyncio.wait({entered, self._inside}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._inside.cancel()
            raise
        if not entered.done():
            await self._inside  # raises what entering raised
        self._source = entered.result()

    async def _hold(self, entered: asyncio.Future[Any], over: asyncio.Future[None]) -> None:
        async with self._source as inner:
            entered.set_result(inner)
            await over

    async def __aiter__(self) -> AsyncIterator[Any]:
        if self._first is not None:
            try:
                first = await self._first
            except StopAsyncIteration:
                return
            yield first
        async for item in items(self._source):
            yield item

    async def leave(self) -> None:
        if self._over is not None and self._inside is not None:
            if not self._over.done():
                self._over.set_result(None)
            await self._inside
        elif inspect.isasyncgen(self._source):
            if self._first is not None and not self._first.done():
                self._first.cancel()
                await asyncio.wait({self._first})
            await self._source.aclose()
        elif callable(self._source):
            ended = self._source()
            if hasattr(type(ended), "__await__"):
                await ended


def left_by_itself(connect: Callable[..., Any], takes_socket: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """connect and disconnect over a `connect` whose result is left."""

    async def begin(user: str, given: dict[str, Any]) -> Left:
        source = connect(user, given)
        if hasattr(type(source), "__await__"):
            source = await source
        return await Left(source).begin()

    async def leave(user: str, given: dict[str, Any]) -> None:
        await given["id" if takes_socket else "socket"].leave()

    return begin, leave
