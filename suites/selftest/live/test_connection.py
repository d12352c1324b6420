"""The live connection against a real server: whole and broken-up messages, and what no polite client does."""

import asyncio
import contextlib
import time

import pytest
from websockets.asyncio.server import serve

from crosstalk.auth.base import Credential
from crosstalk.targets.connection import Limits, Terms
from crosstalk.targets.websocket import connect

NOBODY = Credential("nobody")


@contextlib.asynccontextmanager
async def server(handler, **options):
    async with serve(handler, "127.0.0.1", 0, **{"compression": None, "ping_interval": None, **options}) as running:
        yield f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/ws"


@contextlib.asynccontextmanager
async def connected(url, credential=NOBODY, **options):
    received, ended = [], []
    made = await connect(
        url, credential, lambda _, data: received.append(data), lambda _, how: ended.append(how), Terms(**options)
    )
    made.received, made.ended = received, ended
    try:
        yield made
    finally:
        made.abort()
        await made.lost


async def silent(connection):
    await connection.wait_closed()


MESSAGES = ["", "a", "é" * 60, "x" * 125, "x" * 126, "x" * 65_535, "x" * 65_536, "€" * 300_000]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_messages_of_every_length_arrive_whole_and_in_order(compression):
    async def handler(connection):
        for message in MESSAGES:
            await connection.send(message)
        await connection.send([piece for message in MESSAGES for piece in (message, "|")])
        await connection.send(b"\xff\x00")
        await connection.wait_closed()

    async def main():
        async with server(handler, compression=compression) as url:
            limits = Limits(message_bytes=1 << 22, compression=compression is not None)
            async with connected(url, limits=limits) as made:
                assert await made.ping(5.0), "what was written before the answer has arrived"
                return made.received

    expected = [message.encode() for message in MESSAGES]
    assert asyncio.run(main()) == [*expected, b"".join(message + b"|" for message in expected), b"\xff\x00"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_bytes_that_trickle_in_make_the_same_messages(size):
    texts = [b"x" * 5, "é".encode() * 100, b"y" * 300]
    frames = b"".join(
        b"\x81" + (bytes([len(t)]) if len(t) < 126 else b"\x7e" + len(t).to_bytes(2, "big")) + t for t in texts
    )
    broken_up = b"\x01\x02ab\x89\x01p\x80\x02cd"  # a ping between the two halves of a text

    async def handler(connection):
        data = frames + broken_up + frames
        for at in range(0, len(data), size):
            connection.transport.write(data[at : at + size])
            if at % 50 == 0:
                await asyncio.sleep(0)
        await connection.wait_closed()

    async def main():
        async with server(handler) as url, connected(url) as made, asyncio.timeout(10):
            while len(made.received) < 7:
                await asyncio.sleep(0.01)
            return made.received

    assert asyncio.run(main()) == [*texts, b"abcd", *texts]


def test_what_a_credential_carries_is_sent():
    seen = {}

    async def handler(connection):
        seen.update(path=connection.request.path, headers=connection.request.headers, first=await connection.recv())
        await connection.wait_closed()

    credential = Credential(
        "anna",
        headers=(("Authorization", "Bearer t"), ("Host", "elsewhere")),
        subprotocols=("chat", "jwt.abc"),
        query=(("token", "a b&c"), ("é", "ü")),
        cookies=(("sid", "1"), ("x", "2")),
        first_message='{"auth": 1}',
    )

    async def main():
        async with (
            server(handler, subprotocols=["chat"]) as url,
            connected(url + "?v=1", credential, origin="https://app.example") as made,
        ):
            assert made.subprotocol == "chat"
            await made.ping(5.0)

    asyncio.run(main())
    assert seen["path"] == "/ws?v=1&token=a%20b%26c&%C3%A9=%C3%BC"
    assert seen["headers"]["Authorization"] == "Bearer t"
    assert seen["headers"]["Cookie"] == "sid=1; x=2"
    assert seen["headers"]["Origin"] == "https://app.example"
    assert seen["headers"].get_all("Host") == [seen["headers"]["Host"]] and "127.0.0.1" in seen["headers"]["Host"]
    assert seen["first"] == '{"auth": 1}'


def test_a_polite_close_a_reset_and_a_drop_are_seen_as_such_by_the_server():
    seen = []

    async def handler(connection):
        await connection.wait_closed()
        seen.append(connection.close_code)

    async def main():
        async with server(handler) as url:
            for end in ("close", "reset", "abort"):
                async with connected(url) as made:
                    result = getattr(made, end)()
                    if result is not None:
                        await result
                    await made.lost
                    assert [how.by for how in made.ended] == ["us"]
                    assert not made.is_open
                    with pytest.raises(ConnectionError):
                        await made.send("too late")
                    assert not await made.ping(1.0)
                while len(seen) < ("close", "reset", "abort").index(end) + 1:
                    await asyncio.sleep(0.01)

    asyncio.run(main())
    assert seen == [1000, 1006, 1006]


def test_who_does_not_read_holds_up_the_server_and_who_reads_again_gets_everything():
    sent = 0

    async def handler(connection):
        nonlocal sent
        for number in range(400):
            await connection.send(f"{number:06}" + "x" * 30_000)
            sent += 1
        await connection.wait_closed()

    async def main():
        async with server(handler) as url, connected(url, receive_buffer=4096) as made:
            made.pause_reading()
            await asyncio.sleep(0.4)
            held = sent
            await asyncio.sleep(0.3)
            assert sent == held < 400, "the server waits"
            made.resume_reading()
            async with asyncio.timeout(20):
                while len(made.received) < 400:
                    await asyncio.sleep(0.02)
            assert [int(data[:6]) for data in made.received] == list(range(400))

    asyncio.run(main())


def test_who_falls_silent_answers_no_ping_and_does_not_close():
    answers = []

    async def handler(connection):
        pong = await connection.ping()
        await asyncio.wait([pong], timeout=0.3)
        answers.append(pong.done())
        await connection.recv()
        pong = await connection.ping()
        await asyncio.wait([pong], timeout=0.5)
        answers.append(pong.done())
        answers.append(connection.state.name)
        pong.cancel()

    async def main():
        async with server(handler, close_timeout=0.1) as url, connected(url) as made:
            await asyncio.sleep(0.4)
            await made.send("now")
            made.fall_silent()
            while len(answers) < 3:
                await asyncio.sleep(0.02)
            began = time.monotonic()
            await made.close()
            assert time.monotonic() - began < 1.5

    asyncio.run(main())
    assert answers == [True, False, "OPEN"]


def test_a_server_that_never_finishes_closing_is_left_in_time():
    async def handler(connection):
        connection.transport.pause_reading()
        await asyncio.sleep(3)

    async def main():
        async with server(handler, close_timeout=0.1) as url, connected(url, limits=Limits(close_seconds=0.3)) as made:
            await asyncio.sleep(0.1)
            began = time.monotonic()
            await made.close()
            return time.monotonic() - began

    assert asyncio.run(main()) < 1.5
