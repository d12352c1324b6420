"""The first publisher starts a flush of the user's buffer and waits for it; those who come meanwhile leave their events
in the buffer and return. The defect: cancelling the first publisher cancels the flush, and the batch in its hands."""

import asyncio
import json

DEFECT, NEEDS = "loss", "cancellation"
CHECK = "delivery"
USERS = ("alice", "bob")


class Room:
    def __init__(self):
        self.sockets = []
        self.buffer = []
        self.flush = None

    async def run(self):
        try:
            while self.buffer:
                batch, self.buffer = self.buffer, []
                for text in batch:
                    await asyncio.gather(*(self.send(socket, text) for socket in list(self.sockets)))
        finally:
            self.flush = None

    async def send(self, socket, text):
        if socket in self.sockets:
            try:
                await socket.send_text(text)
            except (RuntimeError, ConnectionError):
                pass


class BufferedHub:
    def __init__(self):
        self.rooms = {}

    async def add_connection(self, user_id, socket):
        self.rooms.setdefault(user_id, Room()).sockets.append(socket)

    async def remove_connection(self, user_id, socket):
        room = self.rooms.get(user_id)
        if room is None or socket not in room.sockets:
            return
        room.sockets.remove(socket)
        if not room.sockets:
            del self.rooms[user_id]
            room.buffer.clear()

    async def publish_to_user(self, user_id, body):
        room = self.rooms.get(user_id)
        if room is None:
            return
        room.buffer.append(json.dumps(body))
        if room.flush is None:
            room.flush = asyncio.create_task(room.run())
            await room.flush


def scenario(stage):
    desk = stage.connect("alice")
    stage.hold(desk)
    leader = stage.start_publish("alice")
    stage.settle()
    stage.publish("alice")
    stage.publish("alice")
    stage.release(desk, 1)
    stage.cancel(leader)
    stage.release(desk)


def create():
    return BufferedHub()
