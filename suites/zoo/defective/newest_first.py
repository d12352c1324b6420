"""A writer per connection works off a list of waiting frames. The defect: it takes the frame that was put in last."""

import asyncio
import copy

DEFECT, NEEDS = "order", "interleaving"
CHECK = "order"
USERS = ("alice", "bob")


class Stream:
    """Frames for one websocket; the writer runs only while there is something to write."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.waiting = []
        self.writer = None

    def push(self, event):
        self.waiting.append(event)
        if self.writer is None:
            self.writer = asyncio.create_task(self._write())

    async def _write(self):
        while self.waiting:
            event = self.waiting.pop()
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
        self.writer = None

    async def stop(self):
        self.waiting.clear()
        if self.writer is not None:
            self.writer.cancel()
            self.writer = None


class StreamHub:
    def __init__(self):
        self.streams: dict[tuple[str, int], Stream] = {}

    async def subscribe(self, user_id, websocket):
        self.streams[user_id, id(websocket)] = Stream(websocket)

    async def unsubscribe(self, user_id, websocket):
        stream = self.streams.pop((user_id, id(websocket)), None)
        if stream is not None:
            await stream.stop()

    async def broadcast_to_user(self, user_id, event):
        for (owner, _), stream in self.streams.items():
            if owner == user_id:
                stream.push(copy.deepcopy(event))


def scenario(stage):
    tablet = stage.connect("alice")
    stage.hold(tablet)
    for _ in range(3):
        stage.publish("alice")
    stage.release(tablet)


def create():
    return StreamHub()
