"""Each connection has a window of two frames that may be under way; a send that completes is the acknowledgement that
moves the window on. A send under way at a disconnect is waited for all the same. The defect: when it completes it moves
the old window on if the user has a window on that socket again, so that frames of the former connection come after
frames of the present one.

It takes all of these, in this order:
1. two frames are under way, and a third waits for the window;
2. the user disconnects;
3. the same user connects again on the same socket;
4. an event is published, and its frame is under way;
5. one of the first two sends completes.
"""

import asyncio
import json
from collections import deque

DEFECT, NEEDS = "order", "interleaving"
CHECK = "order"
USERS = ("alice", "bob")

SIZE = 2


class Window:
    def __init__(self, user_id, websocket):
        self.user_id = user_id
        self.websocket = websocket
        self.waiting = deque()
        self.under_way = set()


class AcknowledgedHub:
    def __init__(self):
        self.windows = {}

    def connect(self, user_id, websocket):
        self.windows[websocket] = Window(user_id, websocket)

    def disconnect(self, user_id, websocket):
        if self._has_window(user_id, websocket):
            del self.windows[websocket]

    def _has_window(self, user_id, websocket):
        window = self.windows.get(websocket)
        return window is not None and window.user_id == user_id

    def publish(self, user_id, event):
        frame = json.dumps(event)
        for window in self.windows.values():
            if window.user_id == user_id:
                window.waiting.append(frame)
                self._move_on(window)

    def _move_on(self, window):
        while window.waiting and len(window.under_way) < SIZE:
            task = asyncio.create_task(self._send(window, window.waiting.popleft()))
            window.under_way.add(task)

    async def _send(self, window, frame):
        if self._has_window(window.user_id, window.websocket):
            try:
                await window.websocket.send_text(frame)
            except (RuntimeError, ConnectionError):
                pass
        window.under_way.discard(asyncio.current_task())
        if self._has_window(window.user_id, window.websocket):
            self._move_on(window)


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    for _ in range(3):
        stage.publish("alice")
    stage.disconnect(phone)
    stage.connect("alice", reuse=phone)
    stage.publish("alice")
    stage.release(phone, 1)


def create():
    return AcknowledgedHub()
