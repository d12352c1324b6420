"""All connections are in one list. Who leaves is replaced by None, and every 30 seconds the list is closed up. A
publish notes the places of its user's connections; when the length of the list differs after a send, it was closed up,
and the places still to come are looked for again. The defect: the length is the same again when as many have come as
the closing up took away.

It takes all of these, in this order:
1. somebody leaves whose place is before a user's second connection;
2. an event for that user waits on the send to the first connection;
3. the list is closed up;
4. another user connects, so that the list is as long as before;
5. the send completes.
"""

import asyncio

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

CLOSE_UP = 30.0


class Roster:
    def __init__(self):
        self.places = []
        self.timer = None

    async def join(self, user_id, websocket):
        self.places.append((user_id, websocket))

    async def leave(self, user_id, websocket):
        if (user_id, websocket) in self.places:
            self.places[self.places.index((user_id, websocket))] = None
            if self.timer is None:
                self.timer = asyncio.get_running_loop().call_later(CLOSE_UP, self._close_up)

    def _close_up(self):
        self.timer = None
        self.places = [place for place in self.places if place is not None]

    def _of(self, user_id, served):
        return [
            number
            for number, place in enumerate(self.places)
            if place is not None and place[0] == user_id and place not in served
        ]

    async def push_to_user(self, user_id, event):
        served = []
        length, todo = len(self.places), self._of(user_id, served)
        while todo:
            if len(self.places) != length:
                length, todo = len(self.places), self._of(user_id, served)
                continue
            place = self.places[todo.pop(0)]
            if place is not None:
                served.append(place)
                try:
                    await place[1].send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    early = stage.connect("bob")
    phone = stage.connect("alice")
    stage.connect("alice")
    stage.disconnect(early)
    stage.hold(phone)
    stage.start_publish("alice")
    stage.sleep(30)
    stage.connect("bob")
    stage.release(phone)


def create():
    return Roster()
