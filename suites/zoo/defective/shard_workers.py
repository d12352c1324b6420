"""Users are spread over two shards, each with a worker and a bounded queue that slows publishers down when it is full.
The defect: users of one shard wait for each other's sockets, and their publishers for the queue."""

import asyncio
import copy
import zlib

DEFECT, NEEDS = "blocking", "scale"
CHECK = "blocking"
USERS = ("alice", "bob", "carol")

SHARDS = 2
DEPTH = 4


class Shard:
    def __init__(self):
        self.members = {}
        self.queue = asyncio.Queue(DEPTH)
        self.worker = None

    async def put(self, job):
        await self.queue.put(job)
        if self.worker is None:
            self.worker = asyncio.create_task(self.work())

    async def work(self):
        while not self.queue.empty():
            user_id, event = self.queue.get_nowait()
            for websocket in list(self.members.get(user_id, ())):
                if websocket in self.members.get(user_id, ()):
                    try:
                        await websocket.send_json(event)
                    except (RuntimeError, ConnectionError):
                        pass
        self.worker = None


class ShardedHub:
    def __init__(self):
        self.shards = [Shard() for _ in range(SHARDS)]

    def shard(self, user_id):
        return self.shards[zlib.crc32(user_id.encode()) % SHARDS]

    async def connect(self, user_id, websocket):
        self.shard(user_id).members.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        members = self.shard(user_id).members
        if websocket in members.get(user_id, ()):
            members[user_id].remove(websocket)
            if not members[user_id]:
                del members[user_id]

    async def publish(self, user_id, event):
        await self.shard(user_id).put((user_id, copy.deepcopy(event)))


def scenario(stage):
    slow = stage.connect("alice")
    stage.connect("bob")
    stage.connect("carol")
    stage.stall(slow)
    for _ in range(7):
        stage.start_publish("alice")
    stage.settle()
    for user in ("bob", "carol"):
        stage.start_publish(user)
    stage.settle()


def create():
    return ShardedHub()
