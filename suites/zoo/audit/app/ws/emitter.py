"""Queues in between, and a singleton that is made twice."""

from app.ws.manager import ConnectionManager

manager = ConnectionManager()
_emitter = None


class Emitter:
    def __init__(self, hub):
        self.hub = hub
        self.queues = {}

    def emit_to_user(self, uid, data):  # real
        for queue in self.queues.get(uid, {}).values():
            queue.put_nowait(data)

    async def publish(self, topic, message):  # real
        subscribers = self.queues[topic]
        for subscriber in subscribers:
            await subscriber.put(message)

    async def forward(self, recipient, envelope):  # adapter
        await self.hub.send_to_user(recipient, envelope)

    def subscribe(self, topic, queue):  # other
        self.queues.setdefault(topic, []).append(queue)

    async def drain(self, queue, websocket):  # other
        while True:
            await websocket.send_json(await queue.get())


def get_emitter():  # other
    global _emitter
    if _emitter is None:
        _emitter = Emitter(manager)
    return _emitter


def create_emitter(hub):  # other
    return Emitter(hub)
