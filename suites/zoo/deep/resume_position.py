"""Each user has a log of the last half minute. Readers follow it by position, and whoever connects first tells the
user's other devices that it joins. The defect: the position where a new reader starts is taken before the others are
told and used afterwards, though trimming the log meanwhile moves only the positions of readers already there.

It takes all of these, in this order:
1. an event is in the log, with a first device connected;
2. a second device connects, takes its position, and waits until the first has been told;
3. the event's half minute is over and the log is trimmed;
4. the first device has been told;
5. the next event is logged before the second device's position, and never read.
"""

import asyncio
import json
from dataclasses import dataclass, field

DEFECT, NEEDS = "loss", "timer"
CHECK = "delivery"
USERS = ("alice", "bob")

KEEP = 30.0


@dataclass(eq=False)
class Reader:
    websocket: object
    position: int
    task: asyncio.Task | None = None


@dataclass
class Stream:
    log: list = field(default_factory=list)
    readers: list = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class EventStreams:
    def __init__(self):
        self.streams = {}

    async def subscribe(self, user_id, websocket):
        stream = self.streams.setdefault(user_id, Stream())
        position = len(stream.log)
        for reader in list(stream.readers):
            if reader in stream.readers:
                try:
                    await reader.websocket.send_json({"type": "device_joined"})
                except (RuntimeError, ConnectionError):
                    pass
        stream = self.streams.setdefault(user_id, stream)
        reader = Reader(websocket, position)
        stream.readers.append(reader)
        reader.task = asyncio.create_task(self._follow(stream, reader))

    async def _follow(self, stream, reader):
        while True:
            if reader.position >= len(stream.log):
                stream.news.clear()
                await stream.news.wait()
                continue
            frame = stream.log[reader.position]
            reader.position += 1
            try:
                await reader.websocket.send_text(frame)
            except (RuntimeError, ConnectionError):
                pass

    async def unsubscribe(self, user_id, websocket):
        stream = self.streams.get(user_id, Stream())
        for reader in stream.readers:
            if reader.websocket is websocket:
                stream.readers.remove(reader)
                reader.task.cancel()
                break
        self._forget(user_id, stream)

    def _forget(self, user_id, stream):
        if not stream.readers and not stream.log:
            self.streams.pop(user_id, None)

    def _trim(self, user_id, stream):
        del stream.log[0]
        for reader in stream.readers:
            reader.position = max(0, reader.position - 1)
        self._forget(user_id, stream)

    async def publish(self, user_id, event):
        stream = self.streams.get(user_id)
        if stream is not None:
            stream.log.append(json.dumps(event))
            stream.news.set()
            asyncio.get_running_loop().call_later(KEEP, self._trim, user_id, stream)


def scenario(stage):
    phone = stage.connect("alice")
    stage.publish("alice")
    stage.hold(phone)
    stage.start_connect("alice")
    stage.sleep(30)
    stage.release(phone)
    stage.publish("alice")


def create():
    return EventStreams()
