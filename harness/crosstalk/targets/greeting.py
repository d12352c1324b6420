"""What a user says on every new connection before anything else: who it is, what it joins or subscribes to.

Many a server takes nothing more until it has answered that, and ends the connection of whoever goes on before. Which
of the messages a server answers is found out on the first connection, and from then on each of those is waited for. A
frame of a shape that comes unasked, a greeting or a heartbeat, is no answer. Afterwards a beat may be said again and
again, by which a client of some protocols shows that it is still there.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import replace

from crosstalk.auth.base import Credential
from crosstalk.targets.connection import (
    PLAIN,
    QUIET_SECONDS,
    Closed,
    Connect,
    Connection,
    Ended,
    NotConnected,
    Receive,
    Terms,
    quiet,
)
from crosstalk.targets.shape import shape

_BEAT = re.compile(r"(?<![a-z])(?:ping|pong|heart.?beat|keep.?alive)(?![a-z])", re.IGNORECASE)
FIRST_SECONDS = 2.0
"""How long the first connection waits for an answer."""


def told(message: str, user_id: str) -> str:
    """The message with the user's id in it."""
    return message.replace("{user}", json.dumps(user_id)[1:-1])


class Greeting:
    """Opens connections by `connect`, on which `hello` has been said, each message once the one before was answered.

    `log_in` says that the first message of a credential is said here too, and not by `connect`. `beat`, where there is
    one, is said every `beat_seconds`.
    """

    def __init__(
        self, connect: Connect, hello: tuple[str, ...], log_in: bool, beat: str = "", beat_seconds: float = 0.0
    ) -> None:
        self._connect = connect
        self._hello = hello
        self._log_in = log_in
        self._beat = beat
        self._beat_seconds = beat_seconds
        self._beating: set[asyncio.Task[None]] = set()
        self._unasked: dict[str, set[str]] = {}
        self._unanswered: set[tuple[str, int]] = set()

    async def __call__(
        self, url: str, credential: Credential, receive: Receive, ended: Ended, terms: Terms = PLAIN
    ) -> Connection:
        made = await self._greeted(url, credential, receive, ended, terms)
        if self._beat:
            task = asyncio.create_task(self._stay(made, told(self._beat, credential.user_id)))
            self._beating.add(task)
            task.add_done_callback(self._beating.discard)
        return made

    async def _stay(self, made: Connection, beat: str) -> None:
        with suppress(ConnectionError):
            while made.closed is None:
                await asyncio.sleep(self._beat_seconds)
                await made.send(beat)

    async def _greeted(
        self, url: str, credential: Credential, receive: Receive, ended: Ended, terms: Terms
    ) -> Connection:
        said = [told(message, credential.user_id) for message in self._hello]
        if self._log_in and credential.first_message is not None:
            said.insert(0, credential.first_message)
            credential = replace(credential, first_message=None)
        if not said:
            return await self._connect(url, credential, receive, ended, terms)
        listening = _Listening(receive, ended)
        made = await self._connect(url, credential, listening.receive, listening.ended, terms)
        first = url not in self._unasked
        if first:
            await quiet(lambda: listening.arrived, QUIET_SECONDS * 5)
            self._unasked[url] = listening.shapes.copy()
        try:
            for number, message in enumerate(said):
                listening.shapes.clear()
                await made.send(message)
                if (url, number) not in self._unanswered:
                    seconds = FIRST_SECONDS if first else terms.limits.open_seconds
                    if not await listening.hear(self._unasked[url], seconds):
                        self._unanswered.add((url, number))
        except ConnectionError:
            pass  # it has been ended, as the run is told
        except BaseException:
            made.abort()
            raise
        listening.over()
        if first and made.closed is not None and made.closed.by == "server":
            raise NotConnected("denied", f"{made.closed.why} when it was told what users say first")
        return made


class _Listening:
    """Hears what arrives on one connection, for as long as that matters."""

    def __init__(self, receive: Receive, ended: Ended) -> None:
        self._receive = receive
        self._ended = ended
        self._news: asyncio.Event | None = asyncio.Event()
        self._closed = False
        self.shapes: set[str] = set()
        self.arrived = 0

    def receive(self, connection: Connection, data: bytes) -> None:
        if self._news is not None:
            self.arrived += 1
            kind = shape(data.decode("utf-8", "replace"))
            if not _BEAT.search(kind):
                self.shapes.add(kind)
            self._news.set()
        self._receive(connection, data)

    def ended(self, connection: Connection, how: Closed) -> None:
        self._closed = True
        if self._news is not None:
            self._news.set()
        self._ended(connection, how)

    async def hear(self, unasked: set[str], seconds: float) -> bool:
        """Whether something that is not `unasked` comes within `seconds`, or the connection ends."""
        assert self._news is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._closed and self.shapes <= unasked:
                    self._news.clear()
                    await self._news.wait()
        return self._closed or not self.shapes <= unasked

    def over(self) -> None:
        self._news = None


__all__ = ["Greeting", "told"]
