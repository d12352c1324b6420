"""Programs whose calls take their time are played to the end."""

import asyncio

from crosstalk.examination import open_target
from crosstalk.scenarios.program import Connect, Program, Publish, Wait


class Slow:
    """A hub with a heartbeat that takes two seconds for each event; a user named `never` waits for ever."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets[websocket] = user_id, asyncio.create_task(self.beat(websocket))

    async def beat(self, websocket):
        while True:
            await asyncio.sleep(5)
            await websocket.send_text("ping")

    async def disconnect(self, user_id, websocket):
        self.sockets.pop(websocket)[1].cancel()

    async def publish(self, user_id, event):
        await asyncio.sleep(2)
        if user_id == "never":
            await asyncio.Event().wait()
        for websocket, (user, _) in list(self.sockets.items()):
            if user == user_id:
                await websocket.send_json(event)


def published(users, *tracks):
    history = open_target(Slow).play(Program(users, (0, 1), tracks))
    return sum(call.kind == "publish" and not call.probe and call.returned <= history.now for call in history.calls)


def test_two_minutes_of_calls_one_after_another():
    assert published(("alice", "bob"), (Connect(0), Connect(1), *(Publish(0),) * 60)) == 60


def test_calls_around_a_long_wait():
    assert published(("alice", "bob"), (Connect(0), *(Publish(0),) * 40, Wait(86_400), *(Publish(0),) * 5)) == 45


def test_a_call_that_never_returns_holds_up_its_own_track_only():
    assert published(("alice", "never"), (Connect(0), *(Publish(0),) * 40), (Connect(1), Publish(1), Publish(1))) == 40
