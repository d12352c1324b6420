"""Each user has a log of events numbered under the top-level key "seq"; every
connection follows it with its own cursor. Entries all cursors have passed are trimmed."""

import asyncio
import copy


class Follower:
    def __init__(self, stream, websocket):
        self.stream = stream
        self.websocket = websocket
        self.live = True
        self.cursor = stream.last + 1
        self.wake = asyncio.Event()
        self.task = asyncio.create_task(self._follow())

    async def _follow(self):
        while self.live:
            if self.cursor > self.stream.last:
                self.wake.clear()
                await self.wake.wait()
                continue
            event = copy.deepcopy(self.stream.log[self.cursor])
            self.cursor += 1
            self.stream.trim()
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


class Stream:
    def __init__(self):
        self.last = 0
        self.first = 1
        self.log = {}
        self.followers = {}

    def trim(self):
        low = min((f.cursor for f in self.followers.values()), default=self.last + 1)
        while self.first < low:
            del self.log[self.first]
            self.first += 1


class Hub:
    def __init__(self):
        self.streams = {}

    async def connect(self, user_id, websocket):
        stream = self.streams.setdefault(user_id, Stream())
        if id(websocket) not in stream.followers:
            stream.followers[id(websocket)] = Follower(stream, websocket)

    async def disconnect(self, user_id, websocket):
        stream = self.streams.get(user_id)
        follower = stream.followers.pop(id(websocket), None) if stream else None
        if follower is None:
            return
        follower.live = False
        follower.task.cancel()
        stream.trim()
        if not stream.followers:
            del self.streams[user_id]

    async def broadcast_to_user(self, user_id, event):
        stream = self.streams.get(user_id)
        if stream is None:
            return
        entry = {**copy.deepcopy(event), "seq": stream.last + 1}
        stream.last += 1
        stream.log[stream.last] = entry
        for follower in stream.followers.values():
            follower.wake.set()


def create():
    return Hub()
