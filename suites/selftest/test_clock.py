"""Clock and dice follow the run, so that a replay is exact; outside a run they are untouched."""

import json
import random
import time
import uuid
from contextlib import closing

from crosstalk.examination import control_program, open_target
from crosstalk.schedule.clock import tied_to
from crosstalk.schedule.loop import VirtualLoop
from crosstalk.schedule.strategies.plain import Plain

STAMPING = """
import datetime, random, secrets, time, uuid
from datetime import datetime as Now
from random import choice
from time import monotonic, perf_counter_ns as ticks, time as now
from uuid import uuid4


class Stamping:
    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets[user_id] = websocket

    async def disconnect(self, user_id, websocket):
        self.sockets.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        stamp = [time.time(), time.monotonic(), random.random(), choice("abc"), str(uuid.uuid4()), str(uuid4()),
                 now(), monotonic(), ticks(), str(Now.now()), str(datetime.datetime.now(datetime.timezone.utc)),
                 str(datetime.date.today()), secrets.token_hex(4)]
        if user_id in self.sockets:
            await self.sockets[user_id].send_json({**event, "stamp": stamp})
"""


def test_all_that_a_broadcaster_may_ask_the_machine_for_replays_exactly(tmp_path):
    """Also where its module copied the names."""
    (tmp_path / "stamping.py").write_text(STAMPING)
    stamps = []
    for _ in range(2):
        examination = open_target(f"{tmp_path}/stamping.py:Stamping")
        seen = []

        def listen(world, seen=seen):
            world.tamper = lambda world, serial, payload: seen.append(json.loads(payload)) or [(serial, payload)]

        examination.run(control_program(), Plain(), sabotage=listen)
        stamps.append([frame["stamp"] for frame in seen])
    assert stamps[0] == stamps[1]
    assert len({str(stamp) for stamp in stamps[0]}) == len(stamps[0]) >= 5


def test_the_real_clock_and_dice_come_back():
    functions = (time.time, time.monotonic, random.random, random.choice)
    with closing(VirtualLoop(Plain(), start=5.0)) as loop:
        with tied_to(loop):
            assert time.monotonic() == 5.0
            inside = uuid.uuid4()
        with tied_to(loop):
            assert uuid.uuid4() == inside
    assert (time.time, time.monotonic, random.random, random.choice) == functions
    assert uuid.uuid4() != uuid.uuid4()
