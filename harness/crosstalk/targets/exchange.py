"""A live connection that is none: each message is a POST, and what comes of it is the answer to that POST.

So do many agents speak: the answer is an event stream for as long as the run lasts, or one body at its end. A device's
connection stands for its open answers, which end with it; it ends where one of them breaks off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from crosstalk.auth.base import Credential
from crosstalk.targets import sse
from crosstalk.targets.cause import NotCaused
from crosstalk.targets.connection import PLAIN, Closed, Ended, NotConnected, Receive, Terms, quiet

LONGEST = 3600.0
"""Seconds until an answer must have begun; whoever asks waits no longer than a run may take."""
Post = Callable[[str, Receive, Ended, asyncio.Event], Awaitable[sse.Connection]]


class Connection:
    """A user's open answers. `receive` is called with each event, or each body; `ended` once, when all is over."""

    last_event_id = ""

    def __init__(self, post: Post, receive: Receive, ended: Ended) -> None:
        self._post = post
        self._receive = receive
        self._ended = ended
        self._answers: set[sse.Connection] = set()
        self._reading = asyncio.Event()
        self._reading.set()
        self._arrived = 0
        self._silent = False
        self.closed: Closed | None = None
        self.number = -1

    @property
    def is_open(self) -> bool:
        return self.closed is None

    async def send(self, text: str) -> None:
        """Post `text`, until its answer begins. Raises NotCaused where it is refused, ConnectionError when closed."""
        if self.closed is not None:
            raise ConnectionError("the connection is closed")
        try:
            answer = await self._post(text, self._heard, self._answered, self._reading)
        except NotConnected as failed:
            raise NotCaused(str(failed), failed.status) from None
        if answer.closed is None:
            self._answers.add(answer)
            if self.closed is not None:
                answer.abort()

    async def ping(self, seconds: float) -> bool:
        """Whether no answer has broken off when nothing more has come for a moment: answers have no pings."""
        await quiet(lambda: self._arrived, seconds)
        return self.is_open

    async def close(self) -> None:
        self._end(Closed("us", 1000, "it was closed by its user"))
        await asyncio.gather(*(answer.close() for answer in list(self._answers)))

    def abort(self) -> None:
        for answer in list(self._answers):
            answer.abort()
        self._end(Closed("us", 1000, "it was closed by its user"))

    def reset(self) -> None:
        for answer in list(self._answers):
            answer.reset()
        self._end(Closed("us", 1000, "it was reset by its user"))

    def fall_silent(self) -> None:
        self._silent = True
        self.pause_reading()

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        if not self._silent:
            self._reading.set()

    def _heard(self, answer: sse.Connection, data: bytes) -> None:
        self._arrived += 1
        self._receive(self, data)

    def _answered(self, answer: sse.Connection, how: Closed) -> None:
        self._answers.discard(answer)
        if how.by in ("network", "broken"):
            self._end(how)

    def _end(self, how: Closed) -> None:
        if self.closed is None:
            self.closed = how
            self._ended(self, how)


async def connect(
    url: str,
    credential: Credential,
    receive: Receive,
    ended: Ended,
    terms: Terms = PLAIN,
) -> Connection:
    """A connection as `Connect` says, for which nothing is opened yet."""
    sse.address(url)
    sse.check_carrier(credential, terms)
    patient = replace(terms, limits=replace(terms.limits, open_seconds=LONGEST))

    async def post(text: str, heard: Receive, over: Ended, reading: asyncio.Event) -> sse.Connection:
        return await sse.connect(
            url,
            credential,
            heard,
            over,
            patient,
            body=text,
            reading=reading,
        )

    return Connection(post, receive, ended)
