"""A send that takes longer than five seconds is tried again, twice at most. The defect: the slow send is not given up,
so that a socket which was only slow gets the event from both."""

import asyncio

DEFECT, NEEDS = "duplicate", "timer"
CHECK = "duplicate"
USERS = ("alice", "bob")

PATIENCE = 5.0
TRIES = 3


class Session:
    def __init__(self, websocket):
        self.websocket = websocket
        self.open = True
        self.sends = set()

    async def _once(self, data):
        try:
            await self.websocket.send_json(data)
        except (RuntimeError, ConnectionError):
            pass

    async def send(self, data):
        """Send with retries; a frame is never torn in the middle, hence the shield."""
        for _ in range(TRIES):
            if not self.open:
                return
            task = asyncio.create_task(self._once(data))
            self.sends.add(task)
            task.add_done_callback(self.sends.discard)
            try:
                await asyncio.wait_for(asyncio.shield(task), PATIENCE)
                return
            except TimeoutError:
                continue

    def close(self):
        self.open = False
        for task in list(self.sends):
            task.cancel()


class RetryingHub:
    def __init__(self):
        self.sessions = {}

    async def add(self, user_id, websocket):
        self.sessions.setdefault(user_id, []).append(Session(websocket))

    async def remove(self, user_id, websocket):
        kept = []
        for session in self.sessions.get(user_id, []):
            if session.websocket is websocket:
                session.close()
            else:
                kept.append(session)
        if kept:
            self.sessions[user_id] = kept
        else:
            self.sessions.pop(user_id, None)

    async def send_event(self, user_id, data):
        for session in list(self.sessions.get(user_id, ())):
            try:
                await session.send(data)
            except asyncio.CancelledError:
                if session.open:
                    raise


def scenario(stage):
    train = stage.connect("alice")
    stage.hold(train)
    stage.start_publish("alice")
    stage.settle()
    stage.sleep(6)
    stage.release(train)


def create():
    return RetryingHub()
