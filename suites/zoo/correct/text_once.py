"""The event is serialised once with json.dumps and the same text goes to every socket
by send_text. A pump task per connection exists only while it has a backlog."""

import asyncio
import json
from collections import deque

STRICT = True


class Outbox:
    def __init__(self, websocket):
        self.websocket = websocket
        self.closed = False
        self.texts = deque()
        self.pump = None

    def put(self, text):
        self.texts.append(text)
        if self.pump is None:
            self.pump = asyncio.create_task(self._run())

    async def _run(self):
        while self.texts and not self.closed:
            text = self.texts.popleft()
            try:
                await self.websocket.send_text(text)
            except (RuntimeError, ConnectionError):
                pass
        self.pump = None

    def close(self):
        self.closed = True
        self.texts.clear()
        if self.pump is not None:
            self.pump.cancel()


class Hub:
    def __init__(self):
        self.outboxes = {}

    async def connect(self, user_id, websocket):
        boxes = self.outboxes.setdefault(user_id, {})
        if id(websocket) not in boxes:
            boxes[id(websocket)] = Outbox(websocket)

    async def disconnect(self, user_id, websocket):
        boxes = self.outboxes.get(user_id)
        if not boxes:
            return
        box = boxes.pop(id(websocket), None)
        if box is not None:
            box.close()
        if not boxes:
            del self.outboxes[user_id]

    async def broadcast_to_user(self, user_id, event):
        boxes = self.outboxes.get(user_id)
        if boxes:
            text = json.dumps(event)
            for box in boxes.values():
                box.put(text)


def create():
    return Hub()
