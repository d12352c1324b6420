"""Disconnecting waits a second at most for the writer to send what is queued. A writer that is stopped in the middle of
a group of frames still sees to it that the rest of the group leaves, since a client can't make sense of half a group.
The defect: that rest leaves after the disconnect has returned.

It takes all of these, in this order:
1. events gather behind a send that takes its time, and the next send begins a group of them;
2. the connection is disconnected;
3. the send is still under way when the second is over, and the writer is stopped;
4. the disconnect returns before the writer has come to an end.
"""

import asyncio
import json

DEFECT, NEEDS = "ghost", "timer"
CHECK = "ghost"
USERS = ("alice", "bob")

DRAIN = 1.0
GROUP = 4


class Outlet:
    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = []
        self.writer = None

    def put(self, frame):
        self.frames.append(frame)
        if self.writer is None:
            self.writer = asyncio.create_task(self._write())

    async def _write(self):
        while self.frames:
            group, self.frames = self.frames[:GROUP], self.frames[GROUP:]
            try:
                while group:
                    await self._send(group.pop(0))
            finally:
                while group:
                    await self._send(group.pop(0))
        self.writer = None

    async def _send(self, frame):
        try:
            await self.websocket.send_text(frame)
        except (RuntimeError, ConnectionError):
            pass

    async def drain(self):
        """Give the writer its second, then stop it."""
        if self.writer is not None:
            await asyncio.wait([self.writer], timeout=DRAIN)
        if self.writer is not None:
            self.writer.cancel()


class DrainingHub:
    def __init__(self):
        self.outlets = {}

    async def connect(self, user_id, websocket):
        self.outlets.setdefault(user_id, []).append(Outlet(websocket))

    async def disconnect(self, user_id, websocket):
        outlets = self.outlets.get(user_id, [])
        for outlet in outlets:
            if outlet.websocket is websocket:
                outlets.remove(outlet)
                if not outlets:
                    del self.outlets[user_id]
                await outlet.drain()
                break

    async def publish(self, user_id, event):
        frame = json.dumps(event)
        for outlet in self.outlets.get(user_id, ()):
            outlet.put(frame)


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    for _ in range(3):
        stage.publish("alice")
    stage.release(phone, 1)
    stage.start_disconnect(phone)
    stage.sleep(1)
    stage.release(phone)


def create():
    return DrainingHub()
