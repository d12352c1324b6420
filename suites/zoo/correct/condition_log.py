"""A user's events are a log under an asyncio.Condition; each connection's writer waits for the log to be longer than
what it has sent. The log is cut to what the slowest connection still needs."""

import asyncio
import copy

STRICT = True


class Log:
    def __init__(self):
        self.changed = asyncio.Condition()
        self.events = []
        self.offset = 0
        self.positions = {}

    def end(self):
        return self.offset + len(self.events)

    def cut(self):
        least = min(self.positions.values(), default=self.end())
        if least > self.offset:
            del self.events[: least - self.offset]
            self.offset = least


class ConditionHub:
    def __init__(self):
        self.logs = {}
        self.writers = {}

    async def connect(self, user_id, websocket):
        log = self.logs.setdefault(user_id, Log())
        log.positions[websocket] = log.end()
        self.writers[websocket] = asyncio.create_task(self._write(log, websocket))

    async def disconnect(self, user_id, websocket):
        writer = self.writers.pop(websocket, None)
        if writer is None:
            return
        writer.cancel()
        log = self.logs.get(user_id)
        if log is not None:
            log.positions.pop(websocket, None)
            log.cut()
            if not log.positions:
                del self.logs[user_id]

    async def _write(self, log, websocket):
        while True:
            async with log.changed:
                await log.changed.wait_for(lambda: log.positions.get(websocket, log.end()) < log.end())
            position = log.positions.get(websocket)
            if position is None:
                return
            try:
                await websocket.send_json(log.events[position - log.offset])
            except (RuntimeError, ConnectionError):
                pass
            if websocket in log.positions:
                log.positions[websocket] = position + 1
                log.cut()

    async def broadcast_to_user(self, user_id, event):
        log = self.logs.get(user_id)
        if log is None:
            return
        event = copy.deepcopy(event)
        log.events.append(event)
        async with log.changed:
            log.changed.notify_all()


def create():
    return ConditionHub()
