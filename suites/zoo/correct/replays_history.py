"""A user's last twenty events are kept while the user has a connection and for a minute afterwards; a new connection is
sent them before anything else. Disconnecting also closes the socket."""

import asyncio
import copy
from collections import deque

LENGTH = 20
KEEP = 60.0


class Feed:
    def __init__(self, websocket, past):
        self.websocket = websocket
        self.todo = deque(past)
        self.task = None
        self.more()

    def more(self):
        if self.todo and self.task is None:
            self.task = asyncio.create_task(self._send_all())

    async def _send_all(self):
        while self.todo:
            try:
                await self.websocket.send_json(self.todo.popleft())
            except (RuntimeError, ConnectionError):
                pass
        self.task = None

    def stop(self):
        self.todo.clear()
        if self.task is not None:
            self.task.cancel()


class Account:
    def __init__(self):
        self.past = deque(maxlen=LENGTH)
        self.feeds = {}
        self.expiry = None


class HistoryHub:
    def __init__(self):
        self.accounts = {}

    async def connect(self, user_id, websocket):
        account = self.accounts.setdefault(user_id, Account())
        if account.expiry is not None:
            account.expiry.cancel()
            account.expiry = None
        if websocket not in account.feeds:
            account.feeds[websocket] = Feed(websocket, account.past)

    async def disconnect(self, user_id, websocket):
        account = self.accounts.get(user_id)
        feed = account.feeds.pop(websocket, None) if account else None
        if feed is None:
            return
        feed.stop()
        if not account.feeds:
            account.expiry = asyncio.get_running_loop().call_later(KEEP, self.accounts.pop, user_id)
        try:
            await websocket.close()
        except (RuntimeError, ConnectionError):
            pass

    async def broadcast_to_user(self, user_id, event):
        account = self.accounts.get(user_id)
        if account is not None:
            kept = copy.deepcopy(event)
            account.past.append(kept)
            for feed in account.feeds.values():
                feed.todo.append(kept)
                feed.more()


def create():
    return HistoryHub()
