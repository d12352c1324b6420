"""Startup and shutdown of an application, by ASGI's lifespan protocol; as production servers do, in their "auto" way.

An application that does not know the protocol (it raises, or returns, before it has answered) is served without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class StartupFailed(Exception):
    """The application said that it could not start, or never finished starting; the message is its own."""


class Lifespan:
    """`state` is what the application puts there at startup; each request sees a copy of it."""

    def __init__(self, application: Callable[..., Any]) -> None:
        loop = asyncio.get_running_loop()
        self.state: dict[str, Any] = {}
        self.supported = True
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answer: asyncio.Future[str | None] = loop.create_future()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self._task = loop.create_task(_called(application, scope, self._messages.get, self._send))
        self._task.add_done_callback(self._ended)

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if not self._answer.done() and kind.startswith("lifespan."):
            failed = kind.endswith(".failed")
            self._answer.set_result((message.get("message") or "no reason given") if failed else None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._answer.done():
            return
        if error is not None and not isinstance(error, Exception):
            self._answer.set_exception(error)  # it blocks the thread, or leaves the process
        else:
            self.supported = False
            self._answer.set_result(None)

    async def startup(self) -> None:
        """Raises StartupFailed."""
        self._messages.put_nowait({"type": "lifespan.startup"})
        reason = await self._answer
        if reason is not None:
            self._task.cancel()
            raise StartupFailed((reason.strip() or "no reason given").splitlines()[-1].strip())

    async def shutdown(self) -> str:
        """Returns what went wrong, or ""."""
        if not self.supported:
            return ""
        if self._task.done():
            return "its lifespan ended before it was told to shut down"
        self._answer = asyncio.get_running_loop().create_future()
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        reason = await self._answer
        try:
            await self._task
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return reason or ""


async def _called(application: Callable[..., Any], scope: Any, receive: Any, send: Any) -> None:
    await application(scope, receive, send)
