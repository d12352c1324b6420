"""A connection that ends keeps its place for thirty seconds, in case the socket comes back. The defect: a socket that
comes back is given its old place again and a new one besides."""

import asyncio
from dataclasses import dataclass, field

DEFECT, NEEDS = "duplicate", "sequence"
CHECK = "duplicate"
USERS = ("alice", "bob")

GRACE = 30.0


@dataclass(eq=False)
class Place:
    websocket: object
    online: bool = True
    expiry: asyncio.TimerHandle | None = None


@dataclass
class Member:
    places: list[Place] = field(default_factory=list)


class PresenceHub:
    def __init__(self):
        self.members: dict[str, Member] = {}

    async def connect(self, user_id, websocket):
        member = self.members.setdefault(user_id, Member())
        for place in member.places:
            if place.websocket is websocket and not place.online:
                place.expiry.cancel()
                place.online = True
        member.places.append(Place(websocket))

    async def disconnect(self, user_id, websocket):
        member = self.members.get(user_id)
        for place in member.places if member else ():
            if place.websocket is websocket and place.online:
                place.online = False
                place.expiry = asyncio.get_running_loop().call_later(GRACE, self._expire, user_id, place)

    def _expire(self, user_id, place):
        member = self.members[user_id]
        member.places.remove(place)
        if not member.places:
            del self.members[user_id]

    async def broadcast_to_user(self, user_id, event):
        """Serve everybody of `user_id` who is online; a place taken up again meanwhile is served as well."""
        member = self.members.get(user_id)
        served = set()
        for place in list(member.places) if member else ():
            if place.online:
                try:
                    await place.websocket.send_json(event)
                    served.add(place.websocket)
                except (RuntimeError, ConnectionError):
                    pass
        return len(served)


def scenario(stage):
    first = stage.connect("alice")
    stage.connect("bob")
    stage.disconnect(first)
    stage.connect("alice", reuse=first)
    stage.publish("alice")


def create():
    return PresenceHub()
