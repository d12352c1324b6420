"""A new connection is greeted, then listed. The defect: greeting and listing happen in a task that connect does not
wait for, so that events published after connect has returned find nobody."""

import asyncio

DEFECT, NEEDS = "loss", "interleaving"
CHECK = "delivery"
USERS = ("alice", "bob")


class Lobby:
    def __init__(self):
        self.listed = {}
        self.arriving = {}

    async def join(self, user_id, websocket):
        task = asyncio.create_task(self._welcome(user_id, websocket))
        self.arriving[websocket] = task
        task.add_done_callback(lambda done: self._arrived(websocket, done))

    def _arrived(self, websocket, task):
        if self.arriving.get(websocket) is task:
            del self.arriving[websocket]

    async def _welcome(self, user_id, websocket):
        try:
            await websocket.send_json({"type": "connection_established"})
        except (RuntimeError, ConnectionError):
            return
        self.listed.setdefault(user_id, []).append(websocket)

    async def leave(self, user_id, websocket):
        task = self.arriving.pop(websocket, None)
        if task is not None:
            task.cancel()
        present = self.listed.get(user_id, [])
        if websocket in present:
            present.remove(websocket)
        if not present:
            self.listed.pop(user_id, None)

    async def notify(self, user_id, payload):
        for websocket in tuple(self.listed.get(user_id, ())):
            if websocket in self.listed.get(user_id, ()):
                try:
                    await websocket.send_json(payload)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.connect("bob")
    watch = stage.start_connect("alice")
    stage.turn(1)
    stage.hold(watch)
    stage.settle()
    stage.publish("alice")
    stage.release(watch)


def create():
    return Lobby()
