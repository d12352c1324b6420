"""One flat list of connection records, each with a generation number that is never
reused. A send starts only while the generation it was meant for is still current."""

import asyncio
import copy
import itertools
from dataclasses import dataclass, field

STRICT = True
SEARCHES = ("delivery", "connection")


@dataclass(eq=False)
class Record:
    user_id: str
    websocket: object
    generation: int
    sends: set = field(default_factory=set)


class Hub:
    def __init__(self):
        self.records = []
        self.current = set()
        self.counter = itertools.count(1)

    def _find(self, user_id, websocket):
        for record in self.records:
            if record.user_id == user_id and record.websocket is websocket:
                return record
        return None

    async def connect(self, user_id, websocket):
        if self._find(user_id, websocket) is None:
            record = Record(user_id, websocket, next(self.counter))
            self.records.append(record)
            self.current.add(record.generation)

    async def disconnect(self, user_id, websocket):
        record = self._find(user_id, websocket)
        if record is not None:
            self.records.remove(record)
            self.current.discard(record.generation)
            for task in tuple(record.sends):
                task.cancel()

    async def _send(self, record, event):
        if record.generation not in self.current:
            return False
        try:
            await record.websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            return False
        return True

    async def broadcast_to_user(self, user_id, event):
        tasks = []
        for record in [r for r in self.records if r.user_id == user_id]:
            task = asyncio.create_task(self._send(record, copy.deepcopy(event)))
            record.sends.add(task)
            task.add_done_callback(record.sends.discard)
            tasks.append(task)
        if not tasks:
            return 0
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
        return sum(1 for t in tasks if not t.cancelled() and t.result())


def create():
    return Hub()
