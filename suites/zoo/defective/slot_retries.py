"""Connections have numbered slots, the lowest free one first; a frame that could not be sent is kept for its slot, and
sent when the client is back. The defect: whoever takes the slot next counts as the client who is back."""

import json

DEFECT, NEEDS = "leak", "fault"
CHECK = "isolation"
USERS = ("alice", "bob")


class Slots:
    def __init__(self):
        self.slots = []
        self.retries = {}

    async def connect(self, user_id, websocket):
        slot = self.slots.index(None) if None in self.slots else len(self.slots)
        self.slots[slot : slot + 1] = [(user_id, websocket)]
        for frame in self.retries.pop(slot, ()):
            await self._send(slot, websocket, frame)

    async def disconnect(self, user_id, websocket):
        for slot, holder in enumerate(self.slots):
            if holder == (user_id, websocket):
                self.slots[slot] = None
                return

    async def _send(self, slot, websocket, frame):
        try:
            await websocket.send_text(frame)
        except (RuntimeError, ConnectionError):
            self.retries.setdefault(slot, []).append(frame)

    async def broadcast_to_user(self, user_id, event):
        frame = json.dumps(event)
        for slot, holder in list(enumerate(self.slots)):
            if holder is not None and holder[0] == user_id and self.slots[slot] == holder:
                await self._send(slot, holder[1], frame)


def scenario(stage):
    phone = stage.connect("alice")
    stage.fail(phone)
    stage.publish("alice")
    stage.disconnect(phone)
    stage.connect("bob")


def create():
    return Slots()
