"""Connecting gives a queue, which the connection's handler reads; publishing puts the event in the queues."""

import asyncio


class Broker:
    def __init__(self):
        self.queues = {}

    def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, set()).add(queue)
        return queue

    def unsubscribe(self, user_id, queue):
        queues = self.queues.get(user_id)
        if queues is not None:
            queues.discard(queue)
            if not queues:
                del self.queues[user_id]

    async def publish(self, user_id, event):
        for queue in self.queues.get(user_id, ()):
            queue.put_nowait(event)


def create():
    return Broker()
