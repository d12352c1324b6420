"""A simulated client of an ASGI WebSocket application, on a simulated connection.

What the application sends goes out on the connection; what the client answers comes in. The application's `receive`
and `send` are those of this object.
"""

import asyncio
from collections.abc import Callable, Iterable


class Client:
    """`answers(text)` says which texts the client replies to a text it was sent. `begin` texts are sent on opening.

    `reads(text)` is what the client's own code is given of a text, after its library has decoded it.
    """

    def __init__(
        self,
        websocket,
        answers: Callable[[str], Iterable[str]],
        begin: Iterable[str] = (),
        reads: Callable[[str], str] = str,
    ):
        self._websocket = websocket
        self._answers = answers
        self._reads = reads
        self._inbox = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        for text in begin:
            self._say(text)
        self._left = False

    def _say(self, text: str):
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    async def receive(self):
        return await self._inbox.get()

    async def send(self, message):
        text = message.get("text")
        try:
            await self._websocket.send(message if text is None else {**message, "text": self._reads(text)})
        except OSError:
            self.leave()
            raise
        if text is not None and not self._left:
            for reply in self._answers(text):
                self._say(reply)

    def leave(self):
        """The connection has ended: the application reads it after what came in before."""
        if not self._left:
            self._left = True
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})
