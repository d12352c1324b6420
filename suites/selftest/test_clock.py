"""Clock and dice follow the run, so that a replay is exact; outside a run they are untouched."""

import random
import time
import uuid

from crosstalk.examination import CONTROL_PROGRAM, Examination
from crosstalk.schedule.clock import tied_to
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.targets.in_process import Adapter


class Stamping:
    """Stamps each event with all that a broadcaster may ask the machine for."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets[user_id] = websocket

    async def disconnect(self, user_id, websocket):
        self.sockets.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        stamp = [time.time(), time.monotonic(), random.random(), random.choice("abc"), str(uuid.uuid4())]
        if user_id in self.sockets:
            await self.sockets[user_id].send_json({**event, "stamp": stamp})


def test_stamps_replay_exactly():
    examination = Examination("test", Stamping, Adapter(Stamping()))
    first, _ = examination.run(CONTROL_PROGRAM, Plain())
    second, _ = examination.run(CONTROL_PROGRAM, Plain())
    assert [f.sample for f in first.frames] == [f.sample for f in second.frames]
    assert '"stamp"' in first.frames[0].sample


def test_the_real_clock_and_dice_come_back():
    functions = (time.time, time.monotonic, random.random, random.choice)
    with tied_to(lambda: 5.0):
        assert time.monotonic() == 5.0
        inside = uuid.uuid4()
    with tied_to(lambda: 5.0):
        assert uuid.uuid4() == inside
    assert (time.time, time.monotonic, random.random, random.choice) == functions
    assert uuid.uuid4() != uuid.uuid4()
