"""All connections stand in one list, in the order in which they came. A send that fails is tried once more after two
seconds, for a network that was away only shortly. The defect: what is tried again is remembered by the connection's
place in the list, and when a connection before it has gone meanwhile, somebody else stands there.

It takes all of these, in this order:
1. three connections: one before that of the user, one after it, and that one of another user;
2. the user's peer is gone, and nobody has told the broadcaster;
3. an event for the user is published, and its send fails;
4. within the two seconds the first connection leaves;
5. the two seconds are over before the user's connection is disconnected.
"""

import asyncio
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

DEFECT, NEEDS = "leak", "fault"
CHECK = "isolation"
USERS = ("alice", "bob", "carol")

RETRY = 2.0


@dataclass(frozen=True, eq=False)
class Place:
    user_id: str
    websocket: Any


class PlaceList:
    def __init__(self):
        self.places = []

    async def add_connection(self, user_id, websocket):
        self.places.append(Place(user_id, websocket))

    async def remove_connection(self, user_id, websocket):
        self.places = [p for p in self.places if p.user_id != user_id or p.websocket is not websocket]

    async def send_to_user(self, user_id, event):
        event = deepcopy(event)
        for number, place in enumerate(self.places):
            if place.user_id == user_id and place in self.places:
                try:
                    await place.websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    asyncio.get_running_loop().call_later(RETRY, self._retry, number, event)

    def _retry(self, number, event):
        if number < len(self.places):
            asyncio.create_task(self._again(self.places[number].websocket, event))

    async def _again(self, websocket, event):
        try:
            await websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            pass


def scenario(stage):
    first = stage.connect("bob")
    phone = stage.connect("alice")
    stage.connect("carol")
    stage.fail(phone)
    stage.publish("alice")
    stage.disconnect(first)
    stage.sleep(2)


def create():
    return PlaceList()
