"""Every user has a channel with a lock that keeps publishes in order. A channel that has been empty for half a minute
is taken off the user; it goes to a pool, from which the next user without a channel gets one, unless a publish is in it
or waits to be."""

import asyncio

STRICT = True

LINGER = 30.0
POOL = 16


class Channel:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.publishes = 0
        self.subscribers = []
        self.closing = None


class ChannelLayer:
    def __init__(self):
        self.channels = {}
        self.pool = []

    async def subscribe(self, user_id, websocket):
        channel = self.channels.get(user_id)
        if channel is None:
            channel = self.channels[user_id] = self.pool.pop() if self.pool else Channel()
        elif channel.closing is not None:
            channel.closing.cancel()
            channel.closing = None
        channel.subscribers.append(websocket)

    async def unsubscribe(self, user_id, websocket):
        channel = self.channels.get(user_id)
        if channel is None or websocket not in channel.subscribers:
            return
        channel.subscribers.remove(websocket)
        if not channel.subscribers:
            channel.closing = asyncio.get_running_loop().call_later(LINGER, self._close, user_id)

    def _close(self, user_id):
        channel = self.channels.pop(user_id)
        channel.closing = None
        if not channel.publishes and len(self.pool) < POOL:
            self.pool.append(channel)

    async def publish(self, user_id, message):
        channel = self.channels.get(user_id)
        if channel is None:
            return 0
        channel.publishes += 1
        try:
            async with channel.lock:
                return await self._send(channel, message)
        finally:
            channel.publishes -= 1

    async def _send(self, channel, message):
        sent = 0
        for websocket in list(channel.subscribers):
            if websocket in channel.subscribers:
                try:
                    await websocket.send_json(message)
                    sent += 1
                except (RuntimeError, ConnectionError):
                    pass
        return sent


def create():
    return ChannelLayer()
