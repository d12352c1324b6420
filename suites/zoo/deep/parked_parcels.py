"""Every user has a numbered box, kept for half a minute after the last connection ended. Events go into the box and a
carrier takes out what has gathered, as one parcel, and sends it on; without a connection they stay parked, and a
carrier who finds nobody puts the rest back. The defect: a carrier knows the number of the box only, and not whose it
is.

It takes all of these, in this order:
1. two events are parked, or gather behind a slow one, and leave as one parcel;
2. the first of them is being sent;
3. the user's last connection ends;
4. the half minute is over, and the box is free;
5. another user connects, and is given that box;
6. the send completes.
"""

import asyncio
import json

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

KEEP = 30.0


class Box:
    def __init__(self):
        self.user_id = None
        self.sockets = []
        self.parked = []
        self.carrier = None
        self.expiry = None


class Postroom:
    def __init__(self):
        self.boxes = []

    def _number(self, user_id):
        return next((number for number, box in enumerate(self.boxes) if box.user_id == user_id), None)

    async def add_client(self, user_id, websocket):
        number = self._number(user_id)
        if number is None:
            number = self._number(None)
        if number is None:
            number = len(self.boxes)
            self.boxes.append(Box())
        box = self.boxes[number]
        box.user_id = user_id
        box.sockets.append(websocket)
        if box.expiry is not None:
            box.expiry.cancel()
            box.expiry = None
        self._call_carrier(number)

    async def remove_client(self, user_id, websocket):
        number = self._number(user_id)
        if number is not None and websocket in self.boxes[number].sockets:
            box = self.boxes[number]
            box.sockets.remove(websocket)
            if not box.sockets:
                box.expiry = asyncio.get_running_loop().call_later(KEEP, self._expire, number)

    def _expire(self, number):
        self.boxes[number] = Box()

    async def deliver(self, user_id, event):
        number = self._number(user_id)
        if number is not None:
            self.boxes[number].parked.append(json.dumps(event))
            self._call_carrier(number)

    def _call_carrier(self, number):
        box = self.boxes[number]
        if box.carrier is None and box.parked and box.sockets:
            box.carrier = asyncio.create_task(self._carry(number))

    async def _carry(self, number):
        parcel = self.boxes[number].parked
        self.boxes[number].parked = []
        while parcel and self.boxes[number].sockets:
            frame = parcel.pop(0)
            for websocket in list(self.boxes[number].sockets):
                if websocket in self.boxes[number].sockets:
                    try:
                        await websocket.send_text(frame)
                    except (RuntimeError, ConnectionError):
                        pass
        self.boxes[number].parked[:0] = parcel
        self.boxes[number].carrier = None
        self._call_carrier(number)


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    for _ in range(3):
        stage.publish("alice")
    stage.release(phone, 1)
    stage.disconnect(phone)
    stage.sleep(30)
    stage.connect("bob")
    stage.release(phone)


def create():
    return Postroom()
