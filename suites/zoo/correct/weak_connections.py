"""Connections by id in a WeakValueDictionary; they live as long as their user's list holds them. A user is known by the
ids, and an id that leads nowhere any more is skipped."""

import copy
import itertools
import weakref


class Connection:
    def __init__(self, number, websocket):
        self.number = number
        self.websocket = websocket


class Hub:
    def __init__(self):
        self.numbers = itertools.count()
        self.by_number = weakref.WeakValueDictionary()
        self.held = {}

    async def connect(self, user_id, websocket):
        connection = Connection(next(self.numbers), websocket)
        self.by_number[connection.number] = connection
        self.held.setdefault(user_id, {})[websocket] = connection

    async def disconnect(self, user_id, websocket):
        mine = self.held.get(user_id, {})
        mine.pop(websocket, None)
        if not mine:
            self.held.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        for number in [connection.number for connection in self.held.get(user_id, {}).values()]:
            connection = self.by_number.get(number)
            if connection is None:
                continue
            websocket = connection.websocket
            del connection  # or it would outlive its disconnect
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def create():
    return Hub()
