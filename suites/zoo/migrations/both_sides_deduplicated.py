"""Correct: both sides have every connection and every event; each connection passes on the first copy of two."""

import json
from collections import deque

CHECK = ""
OLD, NEW = "writer_queue", "user_lock"


class Once:
    """A connection that passes each event on once, whichever side sends it first."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.seen = deque(maxlen=1_000)
        self.gone = False

    async def send_json(self, event):
        key = json.dumps(event, sort_keys=True)
        if self.gone or key in self.seen:
            return
        self.seen.append(key)
        await self.websocket.send_json(event)


class Switch:
    def __init__(self, old, new):
        self.sides = (old, new)
        self.links = {}
        self.share = 0.0

    async def connect(self, user_id, websocket):
        link = self.links[user_id, websocket] = Once(websocket)
        for side in self.sides:
            await side.connect(user_id, link)

    async def disconnect(self, user_id, websocket):
        link = self.links.pop((user_id, websocket))
        link.gone = True
        for side in self.sides:
            await side.disconnect(user_id, link)

    async def broadcast_to_user(self, user_id, event):
        answers = [await side.broadcast_to_user(user_id, event) for side in self.sides]
        return answers[int(self.share > 0)]

    async def move(self, share):
        self.share = share
