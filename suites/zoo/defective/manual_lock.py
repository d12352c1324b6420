"""A lock a user keeps that user's publishes in order. The defect: it is taken and given back by hand, and a publish
that is cancelled in between never gives it back."""

import asyncio
from dataclasses import dataclass, field

DEFECT, NEEDS = "blocking", "cancellation"
CHECK = "crash"
USERS = ("alice", "bob")


@dataclass
class Channel:
    websockets: list = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ChannelHub:
    def __init__(self):
        self.channels: dict[str, Channel] = {}

    async def connect(self, user_id, websocket):
        self.channels.setdefault(user_id, Channel()).websockets.append(websocket)

    def disconnect(self, user_id, websocket):
        channel = self.channels.get(user_id)
        if channel and websocket in channel.websockets:
            channel.websockets.remove(websocket)
            if not channel.websockets:
                del self.channels[user_id]

    async def publish(self, user_id, event):
        channel = self.channels.get(user_id)
        if channel is None:
            return 0
        count = 0
        await channel.lock.acquire()
        for websocket in list(channel.websockets):
            if websocket not in channel.websockets:
                continue
            try:
                await websocket.send_json(event)
                count += 1
            except (RuntimeError, ConnectionError):
                pass
        channel.lock.release()
        return count


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    given_up = stage.start_publish("alice")
    stage.settle()
    stage.cancel(given_up)
    stage.release(phone)
    stage.start_publish("alice")
    stage.settle()


def create():
    return ChannelHub()
