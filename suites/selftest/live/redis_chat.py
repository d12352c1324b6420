"""The demonstration chat as one of several server processes, whose events meet all of them through Redis.

`python redis_chat.py REDIS_PORT [leak]`. With `leak` each message from Redis is handled in a task of its own, and whom
it is for is kept on the server meanwhile.
"""

import asyncio
import json
import logging
import sys

import redis.asyncio

from crosstalk.demo.chat import Chat


class Fanned(Chat):
    def __init__(self, secret, port, leak):
        super().__init__(secret, 0.01)
        self.redis = redis.asyncio.Redis(port=port)
        self.leak = leak
        self.sending = asyncio.Queue()
        self.tasks = set()

    def publish(self, user, event):
        self.sending.put_nowait((user, event))

    async def send_on(self):
        while True:
            user, event = await self.sending.get()
            await self.redis.publish(f"user:{user}", json.dumps(event))

    async def receive(self, ready):
        async with self.redis.pubsub() as channel:
            await channel.psubscribe("user:*")
            ready.set()
            async for message in channel.listen():
                if message["type"] != "pmessage":
                    continue
                user = message["channel"].decode().removeprefix("user:")
                if self.leak:
                    task = asyncio.ensure_future(self.deliver(user, message["data"]))
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
                else:
                    for device in self.audience(user):
                        self.send(device, json.loads(message["data"]))

    async def deliver(self, user, data):
        self.user = user
        event = await asyncio.to_thread(json.loads, data)
        for device in self.audience(self.user):
            self.send(device, event)


async def main():
    chat = Fanned(sys.argv[3], int(sys.argv[1]), sys.argv[2] == "leak")
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: sys.stdin.buffer.read1(100) or gone.set())
    tasks = [asyncio.ensure_future(chat.send_on()), asyncio.ensure_future(chat.receive(ready))]
    await ready.wait()
    async with chat.serving() as url:
        print(url, flush=True)
        await gone.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await chat.redis.aclose()


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(main())
