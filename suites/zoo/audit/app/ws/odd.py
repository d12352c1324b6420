"""Shapes that are easily taken for something else."""

import asyncio
from functools import partial

CONNECTIONS = {}
LISTENERS = {}


async def deliver(user, event):  # real
    sockets = CONNECTIONS.get(user, ())
    await asyncio.gather(*(socket.send_json(event) for socket in sockets))


async def push(to, body):  # real
    if to in CONNECTIONS:
        await asyncio.gather(*map(lambda ws: ws.send(body), CONNECTIONS[to]))


def tell(member, item):  # real
    for callback in LISTENERS.get(member, []):
        callback(item)


async def dispatch(message):  # real
    for websocket in CONNECTIONS[message["user_id"]]:
        await websocket.send_json(message)


async def announce(event):  # adapter
    await deliver(event["user_id"], event)


notify = partial(deliver, "admin")


async def send_email(user, message):  # other
    await SMTP.send(user.address, message)


def log_event(user_id, event):  # other
    print(user_id, event)


async def save_message(user_id, message):  # other
    await DATABASE.execute("insert into messages values (?, ?)", user_id, message)


def cached_profile(user_id, data):  # other
    CONNECTIONS_CACHE.get(user_id).update(data)


async def handle_client(websocket, user_id):  # other
    async for message in websocket:
        await websocket.send_json({"echo": message})


async def reply(websocket, message):  # other
    await websocket.send_json(message)


async def send_all(message):  # other
    for sockets in CONNECTIONS.values():
        for socket in sockets:
            try:
                await socket.send_json(message)
            except:  # noqa: E722
                pass


def queue_job(user_id, payload):  # other
    JOBS.put_nowait((user_id, payload))


async def close_user(user_id, code):  # other
    for websocket in CONNECTIONS.pop(user_id, ()):
        await websocket.close(code)


def outer(user_id):  # other
    async def send(event):  # real
        for websocket in CONNECTIONS[user_id]:
            await websocket.send_json(event)

    return send
