"""One HTTP request to an ASGI application, in memory: what a client sees of its answer.

The request is over for the client when the answer is complete; what the application does after that (background work)
goes on by itself, as it does behind a production server. The end of the answer goes out when the schedule lets it: that
takes its moment too. A client that gives up is told to the application, not more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from crosstalk.targets.asgi.turn import turn


class Answered(Exception):
    """The application answered with an error, or not at all; the message says what to which request."""


class Exchange:
    """Begins the request; `answer` waits for it."""

    def __init__(self, application: Callable[..., Any], scope: dict[str, Any], body: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.failure: BaseException | None = None
        self._request: list[bytes] = [body]
        self._gone: asyncio.Future[None] = loop.create_future()
        self._complete: asyncio.Future[None] = loop.create_future()
        self.task = loop.create_task(application(scope, self._receive, self._send))
        self.task.add_done_callback(self._ended)

    async def answer(self) -> None:
        """Returns when the answer is complete, or the application has ended. A cancelled wait is a client that left."""
        try:
            await asyncio.shield(self._complete)
        except asyncio.CancelledError:
            self._leave()
            raise
        if self.status >= 500:
            # some frameworks answer 500, and then raise the error to the server
            await asyncio.wait([self.task])
        self._leave()

    def _leave(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)

    async def _receive(self) -> dict[str, Any]:
        if self._request:
            return {"type": "http.request", "body": self._request.pop(), "more_body": False}
        await asyncio.shield(self._gone)
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        elif kind == "http.response.body":
            if len(self.body) < 4_096:
                self.body += bytes(message.get("body", b""))
            if not message.get("more_body", False):
                await turn("answer")
                if not self._complete.done():
                    self._complete.set_result(None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.failure = task.exception()
        if not self._complete.done():
            self._complete.set_result(None)
