"""An agent chat in several processes with a Redis channel a user between them. PORT SECRET REDIS-URL correct|leaky

Whichever process serves the run publishes its events, and every process passes on what comes for the users that are
connected to it. leaky: while the reader looks up who an event is for, it keeps that in an attribute; of two events that
come at the same time one goes to the other's user.
"""

import asyncio
import contextlib
import http
import json
import random
import sys

import jwt
import redis.asyncio
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")


class Chat:
    def __init__(self, secret, url, leaky):
        self.secret, self.leaky = secret, leaky
        self.redis = redis.asyncio.from_url(url)
        self.queues = {}  # user -> queues of its connections here
        self.runs = set()
        self.target = None

    def user_of(self, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            return jwt.decode(token, self.secret, algorithms=["HS256"], options={"require": ["exp", "sub"]})["sub"]
        except jwt.PyJWTError:
            return None

    def admit(self, connection, request):
        if self.user_of(request) is None:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "log in\n")
        return None

    async def read(self, ready):
        """What other processes and our own runs publish."""
        async with self.redis.pubsub() as channel:
            await channel.psubscribe("user:*")
            async for message in channel.listen():
                if message["type"] == "psubscribe":
                    ready.set()
                    continue
                user = message["channel"].decode().removeprefix("user:")
                if self.leaky:
                    self.keep(self.pass_on_slowly(user, message["data"]))
                else:
                    self.pass_on(user, message["data"])

    def pass_on(self, user, data):
        for queue in self.queues.get(user, ()):
            queue.put_nowait(data.decode())

    async def pass_on_slowly(self, user, data):
        self.target = user
        await asyncio.sleep(0)  # the look-up
        self.pass_on(self.target, data)

    def keep(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.runs.add(task)
        task.add_done_callback(self.runs.discard)

    async def connected(self, connection):
        user = self.user_of(connection.request)
        queue = asyncio.Queue()

        async def write():
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await connection.send(await queue.get())

        queue.put_nowait(json.dumps({"type": "connection_established", "user_id": user}))
        self.queues.setdefault(user, []).append(queue)
        writer = asyncio.ensure_future(write())
        try:
            async for raw in connection:
                message = json.loads(raw)
                if message.get("type") == "start_agent":
                    self.keep(self.run(user, message["payload"]))
        except (ConnectionClosed, ValueError):
            pass
        finally:
            self.queues[user].remove(queue)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def run(self, user, payload):
        for kind in EVENTS:
            await asyncio.sleep(random.uniform(0.002, 0.006))
            event = {"type": kind, "user_id": user, "run_id": payload["run_id"], "thread_id": payload["thread_id"]}
            event["payload"] = {"text": payload["user_request"]}
            await self.redis.publish(f"user:{user}", json.dumps(event))


async def main(port, secret, url, variant):
    chat = Chat(secret, url, variant == "leaky")
    ready = asyncio.Event()
    chat.keep(chat.read(ready))
    await ready.wait()  # nobody is let in before we hear what is published
    async with serve(chat.connected, "127.0.0.1", int(port), process_request=chat.admit):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
