"""Every connection has a mailbox and a courier task that empties it. The defect: the mailbox is bounded at three, and
what does not fit is thrown away although the connection is healthy."""

import asyncio
import json

DEFECT, NEEDS = "loss", "interleaving"
CHECK = "delivery"
USERS = ("alice", "bob")

DEPTH = 3


class Courier:
    def __init__(self, ws):
        self.ws = ws
        self.box = asyncio.Queue(maxsize=DEPTH)
        self.dropped = 0
        self.task = asyncio.create_task(self.deliver())

    async def deliver(self):
        while True:
            letter = await self.box.get()
            try:
                await self.ws.send(letter)
            except (RuntimeError, ConnectionError):
                pass

    def post(self, letter):
        try:
            self.box.put_nowait(letter)
        except asyncio.QueueFull:
            self.dropped += 1


class PostOffice:
    def __init__(self):
        self.couriers = {}

    async def attach(self, ws, user_id):
        self.couriers.setdefault(user_id, {})[ws] = Courier(ws)

    async def detach(self, ws, user_id):
        round_ = self.couriers.get(user_id, {})
        courier = round_.pop(ws, None)
        if courier is not None:
            courier.task.cancel()
        if not round_:
            self.couriers.pop(user_id, None)

    async def send_event(self, user_id, event):
        letter = json.dumps(event)
        for courier in self.couriers.get(user_id, {}).values():
            courier.post(letter)


def scenario(stage):
    tablet = stage.connect("alice")
    stage.hold(tablet)
    for _ in range(6):
        stage.start_publish("alice")
    stage.settle()
    stage.release(tablet)


def create():
    return PostOffice()
