"""Django Channels' in-memory layer: a group a user, a channel a connection, each consumer reading its channel.

Seen: delivery. A membership of a group ends after `group_expiry`, 86,400 s unless set, and `group_send` then sends
nothing to the channel, without a word. That is documented: "After this amount of time, channels will be removed from
the group"; consumers are meant to be closed before (Daphne's `websocket_timeout` is as long). A connection that stays
for more than a day loses its events.
"""

import asyncio
import hashlib
import json

from channels.layers import InMemoryChannelLayer


def group(user_id: str) -> str:
    # a group's name is short and plain, a user's id may be neither
    return "user." + hashlib.sha256(user_id.encode()).hexdigest()


class Layer:
    group_expiry = 86_400

    def __init__(self):
        self.layer = InMemoryChannelLayer(group_expiry=self.group_expiry)
        self.consumers = {}

    async def connect(self, user_id, websocket):
        channel = await self.layer.new_channel()
        await self.layer.group_add(group(user_id), channel)
        self.consumers[websocket] = channel, asyncio.create_task(self._consume(channel, websocket))

    async def _consume(self, channel, websocket):
        try:
            while True:
                message = await self.layer.receive(channel)
                await websocket.send_text(message["text"])
        except (RuntimeError, ConnectionError):
            return

    async def disconnect(self, user_id, websocket):
        channel, consumer = self.consumers.pop(websocket)
        await self.layer.group_discard(group(user_id), channel)
        consumer.cancel()
        await asyncio.wait([consumer])

    async def publish(self, user_id, event):
        message = {"type": "user.event", "text": json.dumps(event)}
        await self.layer.group_send(group(user_id), message)


class LongMembership(Layer):
    """Clean: what `Layer` loses is lost to `group_expiry` alone."""

    group_expiry = 10 * 365 * 86_400
