"""A user who comes back within a minute resumes: events published meanwhile are sent first, then live ones. Each
connection is served by a cursor into its user's numbered events."""

import asyncio
import copy

KEPT = 60.0
ROOM = 100


class Stream:
    def __init__(self):
        self.events = []
        self.first = 0
        self.cursors = {}
        self.bell = asyncio.Event()
        self.expiry = None

    @property
    def end(self):
        return self.first + len(self.events)


class Resumable:
    def __init__(self):
        self.streams = {}
        self.tasks = {}

    async def connect(self, user_id, websocket):
        stream = self.streams.get(user_id)
        if stream is None:
            stream = self.streams[user_id] = Stream()
        if stream.expiry is not None:
            stream.expiry.cancel()
            stream.expiry = None
        stream.cursors[websocket] = stream.end if stream.cursors else stream.first
        self.tasks[websocket] = asyncio.create_task(self._follow(stream, websocket))

    async def disconnect(self, user_id, websocket):
        task = self.tasks.pop(websocket, None)
        if task is None:
            return
        task.cancel()
        stream = self.streams[user_id]
        del stream.cursors[websocket]
        if not stream.cursors:
            stream.first = stream.end
            stream.events.clear()
            stream.expiry = asyncio.get_running_loop().call_later(KEPT, self.streams.pop, user_id, None)

    async def _follow(self, stream, websocket):
        while True:
            while stream.cursors[websocket] < stream.end:
                cursor = stream.cursors[websocket]
                try:
                    await websocket.send_json(stream.events[cursor - stream.first])
                except (RuntimeError, ConnectionError):
                    pass
                stream.cursors[websocket] = cursor + 1
                self._trim(stream)
            stream.bell.clear()
            await stream.bell.wait()

    def _trim(self, stream):
        least = min(stream.cursors.values())
        if least > stream.first:
            del stream.events[: least - stream.first]
            stream.first = least

    async def broadcast_to_user(self, user_id, event):
        stream = self.streams.get(user_id)
        if stream is not None:
            stream.events.append(copy.deepcopy(event))
            if not stream.cursors and len(stream.events) > ROOM:
                del stream.events[0]
                stream.first += 1
            stream.bell.set()


def create():
    return Resumable()
