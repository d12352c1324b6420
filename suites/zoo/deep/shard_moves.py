"""Connections sit in numbered places of two shards. Every 45 seconds a connection moves from a shard that has two more
than the other. A place is served by a task that sends what its connection has queued; when it finds its place empty the
connection has moved, and it leaves the rest to the new place. The defect: it only asks whether the place is empty, and
goes on with its own connection's queue into a place that somebody else has taken.

It takes all of these, in this order:
1. the shards are out of balance, because somebody left;
2. an event of the connection that will move is being sent, and another is queued behind it;
3. the 45 seconds are over, and the connection moves;
4. another user connects, and is given the place;
5. the send completes.
"""

import asyncio
import json

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob", "carol")

BALANCE = 45.0


class Connection:
    def __init__(self, user_id, websocket):
        self.user_id = user_id
        self.websocket = websocket
        self.queue = []
        self.server = None
        self.shard = None
        self.number = None

    def sit(self, shard):
        if None not in shard:
            shard.append(None)
        self.shard, self.number = shard, shard.index(None)
        shard[self.number] = self

    def serve(self):
        if self.queue and self.server is None:
            self.server = asyncio.create_task(self._serve(self.shard, self.number))

    async def _serve(self, shard, number):
        while self.queue and shard[number] is not None:
            frame = self.queue.pop(0)
            try:
                await shard[number].websocket.send_text(frame)
            except (RuntimeError, ConnectionError):
                pass
        self.server = None
        self.serve()


class Shards:
    def __init__(self):
        self.shards = [], []
        self.timer = None

    def _seated(self, shard):
        return [connection for connection in shard if connection is not None]

    def connect(self, user_id, websocket):
        first, second = self.shards
        Connection(user_id, websocket).sit(second if len(self._seated(second)) < len(self._seated(first)) else first)
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(BALANCE, self._balance)

    def _balance(self):
        self.timer = None
        small, large = sorted((self._seated(shard) for shard in self.shards), key=len)
        if len(large) > len(small) + 1:
            connection = large[0]
            connection.shard[connection.number] = None
            connection.sit(next(shard for shard in self.shards if shard is not connection.shard))
            connection.serve()
        if large:
            self.timer = asyncio.get_running_loop().call_later(BALANCE, self._balance)

    def disconnect(self, user_id, websocket):
        for connection in self._seated(self.shards[0] + self.shards[1]):
            if connection.user_id == user_id and connection.websocket is websocket:
                connection.shard[connection.number] = None
                connection.queue.clear()
                if connection.server is not None:
                    connection.server.cancel()

    async def push(self, user_id, event):
        frame = json.dumps(event)
        for connection in self._seated(self.shards[0] + self.shards[1]):
            if connection.user_id == user_id:
                connection.queue.append(frame)
                connection.serve()


def scenario(stage):
    phone = stage.connect("alice")
    carol = stage.connect("carol")
    stage.connect("bob")
    stage.disconnect(carol)
    stage.hold(phone)
    stage.publish("alice")
    stage.publish("alice")
    stage.sleep(45)
    stage.connect("bob")
    stage.release(phone)


def create():
    return Shards()
