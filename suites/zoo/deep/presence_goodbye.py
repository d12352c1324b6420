"""When a user's last connection ends, the others are told after two seconds, in case the user comes back at once, and
then the user's empty room is closed. The defect: a goodbye that is late closes whatever room the user has by then, if
the room it was said for is empty.

It takes all of these, in this order:
1. a user's last connection ends, and two seconds later another user is being told, which takes its time;
2. the first user comes back on another connection, and leaves again;
3. the other user has been told, and the room is closed before the second two seconds are over;
4. the first user comes back once more, to a new room;
5. the second two seconds are over, and the other user has been told again;
6. something is published for the user who came back.
"""

import asyncio
from dataclasses import dataclass, field

DEFECT, NEEDS = "loss", "timer"
CHECK = "delivery"
USERS = ("alice", "bob")

PATIENCE = 2.0


@dataclass
class Room:
    websockets: dict = field(default_factory=dict)
    leaving: asyncio.TimerHandle | None = None


class PresenceRooms:
    def __init__(self):
        self.rooms: dict[str, Room] = {}

    async def join(self, user_id: str, websocket) -> None:
        room = self.rooms.setdefault(user_id, Room())
        room.websockets[websocket] = True
        if room.leaving is not None:
            room.leaving.cancel()
            room.leaving = None

    async def leave(self, user_id: str, websocket) -> None:
        room = self.rooms.get(user_id)
        if room is not None and room.websockets.pop(websocket, False) and not room.websockets:
            room.leaving = asyncio.get_running_loop().call_later(PATIENCE, self._has_left, user_id, room)

    def _has_left(self, user_id: str, room: Room) -> None:
        room.leaving = None
        asyncio.create_task(self._close(user_id, room))

    async def _close(self, user_id: str, room: Room) -> None:
        if not room.websockets:
            for other in [other for other in self.rooms if other != user_id]:
                await self.send_to_user(other, {"type": "presence", "left": user_id})
            if not room.websockets:
                self.rooms.pop(user_id, None)

    async def send_to_user(self, user_id: str, event: dict) -> int:
        room = self.rooms.get(user_id)
        sent = 0
        for websocket in list(room.websockets) if room else ():
            if websocket in room.websockets:
                try:
                    await websocket.send_json(event)
                    sent += 1
                except (RuntimeError, ConnectionError):
                    pass
        return sent


def scenario(stage):
    phone = stage.connect("alice")
    other = stage.connect("bob")
    stage.hold(other)
    stage.disconnect(phone)
    stage.sleep(2)
    stage.disconnect(stage.connect("alice"))
    stage.release(other)
    stage.connect("alice")
    stage.sleep(2)
    stage.publish("alice")


def create():
    return PresenceRooms()
