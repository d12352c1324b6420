"""What users say first on a connection is said in turn, and nothing else before the server has answered it."""

import asyncio
import contextlib
import json

import pytest
from websockets.asyncio.server import serve

from crosstalk.auth.base import Credential
from crosstalk.targets.connection import NotConnected
from crosstalk.targets.transports import speaking

JOIN = '{"type":"join","room":"{user}"}'
ALICE = Credential("alice", first_message='{"type":"init","token":"t-alice"}')


class Rooms:
    """Greets whoever comes, takes its time over an `init` and a `join`, and closes on who does not wait for that."""

    def __init__(self, pause=0.1, beat=0.0):
        self.pause, self.beat = pause, beat
        self.heard = []

    async def __call__(self, connection):
        await connection.send('{"type":"welcome","number":1}')
        beating = asyncio.ensure_future(self.beating(connection))
        due = iter(("init", "join", "ask"))
        async for text in connection:
            message = json.loads(text)
            self.heard.append(message)
            if message["type"] != next(due, "ask") or message.get("token", "t-") == "t-wrong":
                await connection.close(4401)
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.pause):
                    await connection.recv()
                await connection.close(4400, "too early")
                break
            await connection.send(json.dumps({"type": f"{message['type']}ed", "number": len(self.heard)}))
        beating.cancel()

    async def beating(self, connection):
        with contextlib.suppress(Exception):
            while self.beat:
                await asyncio.sleep(self.beat)
                await connection.send('{"type":"welcome","number":2}')


def played(rooms, scenario, hello=(JOIN,), *beat):
    async def main():
        async with serve(rooms, "127.0.0.1", 0, close_timeout=0.1) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            connect = speaking(url, True, hello, *beat)

            async def opened(credential=ALICE):
                received = []
                made = await connect(
                    url, credential, lambda _, data: received.append(json.loads(data)), lambda *_: None
                )
                made.received = received
                return made

            await scenario(opened)

    asyncio.run(main())


@pytest.mark.parametrize("beat", [0.0, 0.03])
def test_each_message_waits_for_the_answer_to_the_one_before(beat):
    rooms = Rooms(beat=beat)

    async def scenario(opened):
        for connection in [await opened(), *await asyncio.gather(opened(), opened())]:
            await connection.send('{"type":"ask"}')
            async with asyncio.timeout(5):
                while not any(frame["type"] == "asked" for frame in connection.received):
                    await asyncio.sleep(0.01)
            kinds = [frame["type"] for frame in connection.received if frame["type"] != "welcome"]
            assert kinds == ["inited", "joined", "asked"]
            await connection.close()

    played(rooms, scenario)
    assert rooms.heard[:2] == [{"type": "init", "token": "t-alice"}, {"type": "join", "room": "alice"}]


def test_what_a_server_never_answers_is_waited_for_only_once(monkeypatch):
    monkeypatch.setattr("crosstalk.targets.greeting.FIRST_SECONDS", 0.3)

    async def silent(connection):
        async def beat():
            with contextlib.suppress(Exception):
                while True:
                    await asyncio.sleep(0.05)
                    await connection.send('{"type":"ping","number":1}')

        beating = asyncio.ensure_future(beat())
        async for _ in connection:
            pass
        beating.cancel()

    async def scenario(opened):
        clock = asyncio.get_running_loop().time
        began = clock()
        first = await opened()
        assert clock() - began > 0.6
        began = clock()
        others = await asyncio.gather(*(opened() for _ in range(20)))
        assert clock() - began < 3.0  # each would wait for 20 s
        await asyncio.gather(*(connection.close() for connection in (first, *others)))

    played(silent, scenario)


def test_who_is_turned_away_for_what_it_says_first_is_not_connected():
    async def scenario(opened):
        with pytest.raises(NotConnected, match="closed it with 4401 when it was told") as failed:
            await opened(Credential("alice", first_message='{"type":"init","token":"t-wrong"}'))
        assert failed.value.kind == "denied"

    played(Rooms(), scenario)


def test_who_must_show_that_it_is_still_there_does_so_until_it_has_gone():
    rooms = Rooms(pause=0.0)

    async def scenario(opened):
        connection = await opened()
        async with asyncio.timeout(5):
            while len([message for message in rooms.heard if message["type"] == "ask"]) < 3:
                await asyncio.sleep(0.01)
        await connection.close()
        beats = len(rooms.heard)
        await asyncio.sleep(0.1)
        assert len(rooms.heard) == beats

    played(rooms, scenario, (JOIN,), '{"type":"ask","of":"{user}"}', 0.03)
    assert rooms.heard[2] == {"type": "ask", "of": "alice"}
