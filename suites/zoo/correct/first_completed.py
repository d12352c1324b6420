"""A sender waits for whichever comes first, the next event or the end of its connection."""

import asyncio
import copy

STRICT = True


class Sender:
    def __init__(self, websocket):
        self.websocket = websocket
        self.events = asyncio.Queue()
        self.closed = asyncio.Event()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        closing = asyncio.create_task(self.closed.wait())
        step = closing
        try:
            while not self.closed.is_set():
                getting = step = asyncio.create_task(self.events.get())
                await asyncio.wait({getting, closing}, return_when=asyncio.FIRST_COMPLETED)
                if self.closed.is_set():
                    return
                sending = step = asyncio.create_task(self.websocket.send_json(getting.result()))
                await asyncio.wait({sending, closing}, return_when=asyncio.FIRST_COMPLETED)
                if self.closed.is_set():
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                    return
                if sending.exception() is not None:
                    return
        finally:
            closing.cancel()
            step.cancel()


class Hub:
    def __init__(self):
        self.senders = {}

    async def connect(self, user_id, websocket):
        self.senders.setdefault(user_id, {})[websocket] = Sender(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.senders.get(user_id, {})
        sender = mine.pop(websocket, None)
        if not mine:
            self.senders.pop(user_id, None)
        if sender is not None:
            sender.closed.set()
            await sender.task

    async def broadcast_to_user(self, user_id, event):
        for sender in self.senders.get(user_id, {}).values():
            sender.events.put_nowait(copy.deepcopy(event))


def create():
    return Hub()
