"""One scheduler task a user hands frames to idle devices. The defect: a frame whose device is busy goes to the back of
the queue, behind later frames for the same device."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass

DEFECT, NEEDS = "order", "interleaving"
CHECK = "order"
USERS = ("alice", "bob")


@dataclass(eq=False)
class Device:
    conn: object
    live: bool = True
    task: asyncio.Task | None = None

    async def write(self, frame):
        try:
            await self.conn.send_text(frame)
        except (RuntimeError, ConnectionError):
            pass


class Scheduler:
    def __init__(self):
        self.devices = {}
        self.jobs = deque()
        self.work = asyncio.Event()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while True:
            if not self.jobs:
                self.work.clear()
                await self.work.wait()
                continue
            device, frame = self.jobs.popleft()
            if not device.live:
                continue
            if device.task is None or device.task.done():
                device.task = asyncio.create_task(device.write(frame))
            else:
                self.jobs.append((device, frame))
                await asyncio.wait(self.running(), return_when=asyncio.FIRST_COMPLETED)

    def running(self):
        return {d.task for d in self.devices.values() if d.task is not None and not d.task.done()}


class DeviceHub:
    def __init__(self):
        self.schedulers = {}

    async def attach(self, user_id, conn):
        scheduler = self.schedulers.get(user_id)
        if scheduler is None:
            scheduler = self.schedulers[user_id] = Scheduler()
        scheduler.devices[conn] = Device(conn)

    async def detach(self, user_id, conn):
        scheduler = self.schedulers.get(user_id)
        device = scheduler.devices.pop(conn, None) if scheduler else None
        if device is None:
            return
        device.live = False
        if device.task is not None:
            device.task.cancel()
        if not scheduler.devices:
            scheduler.task.cancel()
            del self.schedulers[user_id]

    async def notify(self, user_id, event):
        scheduler = self.schedulers.get(user_id)
        if scheduler is not None:
            frame = json.dumps(event)
            scheduler.jobs.extend((device, frame) for device in scheduler.devices.values())
            scheduler.work.set()


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    for _ in range(4):
        stage.publish("alice")
    stage.release(phone)


def create():
    return DeviceHub()
