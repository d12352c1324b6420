"""Every user has a channel with a lock that keeps publishes in order. A channel that has been empty for half a minute
is taken off the user and goes to a pool, from which the next user without a channel gets one. The defect: a publish
that waits for the lock of a channel is still in it when the channel is somebody else's.

It takes all of these, in this order:
1. a publish is being sent, and holds the channel's lock;
2. a second publish for the same user waits for the lock;
3. the user's connections end;
4. the half minute is over, and the channel goes to the pool;
5. another user connects, and gets it;
6. the first send completes.
"""

import asyncio

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

LINGER = 30.0


class Channel:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.subscribers = []
        self.closing = None


class ChannelLayer:
    POOL = 16

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
        if len(self.pool) < self.POOL:
            self.pool.append(channel)

    async def publish(self, user_id, message):
        channel = self.channels.get(user_id)
        if channel is None:
            return 0
        async with channel.lock:
            sent = 0
            for websocket in list(channel.subscribers):
                if websocket in channel.subscribers:
                    try:
                        await websocket.send_json(message)
                        sent += 1
                    except (RuntimeError, ConnectionError):
                        pass
            return sent


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice")
    stage.settle()
    stage.start_publish("alice")
    stage.settle()
    stage.disconnect(phone)
    stage.sleep(30)
    stage.connect("bob")
    stage.release(phone)


def create():
    return ChannelLayer()
