"""A socket outlives log-ins: one user logs out and another logs in on it. Events gather for 50 ms per log-in and leave
one after another; logging out cancels the timer. The defect: a batch that is leaving goes on as long as its socket is
logged in, no matter as whom.

It takes all of these, in this order:
1. two events gather;
2. the 50 ms are over, and the first is being sent;
3. the user logs out;
4. another user logs in on the same socket;
5. the send completes.
"""

import asyncio
import json

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

GATHER = 0.05


class Batch:
    def __init__(self):
        self.frames = []
        self.timer = None


class LoginBroadcaster:
    def __init__(self):
        self.logins = {}

    def register(self, user_id, websocket):
        self.logins[websocket] = (user_id, Batch())

    def unregister(self, user_id, websocket):
        if self.logins.get(websocket, ("", None))[0] == user_id:
            _, batch = self.logins.pop(websocket)
            if batch.timer is not None:
                batch.timer.cancel()

    def emit(self, user_id, event):
        frame = json.dumps(event)
        for websocket, (owner, batch) in self.logins.items():
            if owner == user_id:
                batch.frames.append(frame)
                if batch.timer is None:
                    batch.timer = asyncio.get_running_loop().call_later(GATHER, self._due, websocket, batch)

    def _due(self, websocket, batch):
        asyncio.create_task(self._leave(websocket, batch))

    async def _leave(self, websocket, batch):
        while batch.frames and websocket in self.logins:
            try:
                await websocket.send_text(batch.frames.pop(0))
            except (RuntimeError, ConnectionError):
                pass
        batch.timer = None


def scenario(stage):
    kiosk = stage.connect("alice")
    stage.publish("alice")
    stage.publish("alice")
    stage.hold(kiosk)
    stage.sleep(0.05)
    stage.disconnect(kiosk)
    stage.connect("bob", reuse=kiosk)
    stage.release(kiosk)


def create():
    return LoginBroadcaster()
