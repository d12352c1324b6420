"""A connection of any live transport, in the form in which refusals know one: iterated, and asked how it closed."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

from crosstalk.auth.base import Credential
from crosstalk.targets.connection import Closed, Connect, Connection, Limits, Terms


class Overheard:
    """Iterating gives each frame, until the connection has ended; then `close_code` and `close_reason` say how."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._connection: Connection | None = None
        self._timeout = 0.0
        self.close_code: int | None = None
        self.close_reason: str | None = None

    async def open(
        self,
        connect: Connect,
        url: str,
        credential: Credential,
        origin: str,
        timeout: float,
        verify: ssl.SSLContext | None,
    ) -> None:
        """Raises NotConnected."""
        self._timeout = timeout
        terms = Terms(Limits(open_seconds=timeout, message_bytes=16 << 20), verify, origin)
        self._connection = await connect(url, credential, self._received, self._ended, terms)

    def _received(self, connection: Connection, frame: bytes) -> None:
        self._frames.put_nowait(frame)

    def _ended(self, connection: Connection, how: Closed) -> None:
        self.close_code, self.close_reason = how.code, how.why
        self._frames.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (frame := await self._frames.get()) is not None:
            yield frame.decode("utf-8", "replace")

    async def send(self, text: str) -> None:
        if self._connection is not None:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await self._connection.send(text)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
