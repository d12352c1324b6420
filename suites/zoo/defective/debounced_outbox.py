"""Events gather in an outbox per connection and leave once the user has been quiet for 20 ms. The defect: a new event
restarts the wait by cancelling the task even when it has already taken the batch and is sending it."""

import asyncio
import json

DEFECT, NEEDS = "loss", "timer"
CHECK = "delivery"
USERS = ("alice", "bob")

QUIET = 0.02


class Outbox:
    def __init__(self, websocket):
        self.websocket = websocket
        self.waiting = []
        self.sender = None

    def put(self, text):
        self.waiting.append(text)
        if self.sender is not None:
            self.sender.cancel()
        self.sender = asyncio.create_task(self._send_later())

    async def _send_later(self):
        await asyncio.sleep(QUIET)
        while self.waiting:
            batch, self.waiting = self.waiting, []
            for text in batch:
                try:
                    await self.websocket.send_text(text)
                except (RuntimeError, ConnectionError):
                    pass

    def close(self):
        self.waiting.clear()
        if self.sender is not None:
            self.sender.cancel()


class DebouncedBroadcaster:
    def __init__(self):
        self.outboxes = {}

    def add_connection(self, websocket, user_id):
        self.outboxes.setdefault(user_id, {})[websocket] = Outbox(websocket)

    def remove_connection(self, websocket, user_id):
        outbox = self.outboxes.get(user_id, {}).pop(websocket, None)
        if outbox is not None:
            outbox.close()
        if not self.outboxes.get(user_id):
            self.outboxes.pop(user_id, None)

    def send_to_user(self, user_id, message):
        text = json.dumps(message)
        for outbox in self.outboxes.get(user_id, {}).values():
            outbox.put(text)


def scenario(stage):
    laptop = stage.connect("alice")
    stage.publish("alice")
    stage.hold(laptop)
    stage.sleep(0.02)
    stage.publish("alice")
    stage.release(laptop)
    stage.sleep(1)


def create():
    return DebouncedBroadcaster()
