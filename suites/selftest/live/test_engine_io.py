"""A Socket.IO server closes connections that do not answer its pings: ours do, and the pings are no events."""

import asyncio

from websockets.asyncio.server import serve

from crosstalk.auth.base import Credential
from crosstalk.targets.websocket import connect


def answers(path):
    """What a server hears after it has sent a ping and an event, and what of it is received."""
    heard, received = [], []

    async def handler(connection):
        await connection.send("2")
        await connection.send('42["agent_started",{}]')
        try:
            async with asyncio.timeout(0.5):
                heard.append(await connection.recv())
        except TimeoutError:
            heard.append(None)

    async def play():
        ended = asyncio.Event()
        async with serve(handler, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
            await connect(
                url,
                Credential("alice"),
                lambda connection, message: received.append(bytes(message)),
                lambda *_: ended.set(),
            )
            await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(play())
    return heard, received


def test_pings_of_engine_io_are_answered():
    assert answers("/socket.io/?EIO=4&transport=websocket") == (["3"], [b'42["agent_started",{}]'])


def test_elsewhere_a_two_is_a_message():
    assert answers("/ws") == ([None], [b"2", b'42["agent_started",{}]'])


def test_nothing_is_said_before_the_log_in_is_answered():
    order = []

    async def handler(connection):
        order.append(await connection.recv())
        await asyncio.sleep(0.2)
        order.append("answered")
        await connection.send('40{"sid":"x"}')
        order.append(await connection.recv())

    async def play():
        async with serve(handler, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/socket.io/?EIO=4&transport=websocket"
            credential = Credential("alice", first_message='40{"token":"t"}')
            made = await connect(url, credential, lambda *_: None, lambda *_: None)
            await made.send('42["ask"]')
            await asyncio.sleep(0.1)
            made.abort()

    asyncio.run(play())
    assert order == ['40{"token":"t"}', "answered", '42["ask"]']
