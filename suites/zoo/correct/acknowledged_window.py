"""Each connection has a window of two frames that may be under way; a send that completes is the acknowledgement that
moves the window on. A send that completes after the disconnect moves nothing on, even if the same user is back on the
same socket."""

import asyncio
import json
from collections import deque

STRICT = True
SEARCHES = ("delivery",)

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
        window = self.windows.get(websocket)
        if window is not None and window.user_id == user_id:
            del self.windows[websocket]

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
        if self.windows.get(window.websocket) is window:
            try:
                await window.websocket.send_text(frame)
            except (RuntimeError, ConnectionError):
                pass
        window.under_way.discard(asyncio.current_task())
        if self.windows.get(window.websocket) is window:
            self._move_on(window)


def create():
    return AcknowledgedHub()
