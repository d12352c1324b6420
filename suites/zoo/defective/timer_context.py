"""Events of all users gather for 20 ms; who is addressed is a context variable. The defect: the timer runs in the
context of the publish that set it, so that everything that has gathered goes to that publish's user."""

import asyncio
import contextvars
import copy

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

GATHER = 0.02
addressee = contextvars.ContextVar("addressee")


class ContextHub:
    def __init__(self):
        self.sockets = {}
        self.gathered = []

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        addressee.set(user_id)
        if not self.gathered:
            asyncio.get_running_loop().call_later(GATHER, self._due)
        self.gathered.append(copy.deepcopy(event))

    def _due(self):
        events, self.gathered = self.gathered, []
        asyncio.get_running_loop().create_task(self._flush(events))

    async def _flush(self, events):
        for event in events:
            for websocket in list(self.sockets.get(addressee.get(), ())):
                if websocket in self.sockets[addressee.get()]:
                    try:
                        await websocket.send_json(event)
                    except (RuntimeError, ConnectionError):
                        pass


def scenario(stage):
    stage.connect("alice")
    stage.connect("bob")
    stage.publish("alice")
    stage.publish("bob")
    stage.sleep(0.02)


def create():
    return ContextHub()
