"""A small proxy that stands before two servers and moves users between them; right, or with one planted defect."""

import asyncio
import base64
import contextlib
import json
import zlib
from http import HTTPStatus

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


class Link:
    """One connection of a user through the proxy. `under_way` are runs asked for on it and not yet complete."""

    def __init__(self, user, side, down, up):
        self.user, self.side, self.down, self.up = user, side, down, up
        self.under_way = set()

    def asks(self, message):
        if "start_agent" in message:
            self.under_way.add(json.loads(message)["payload"]["run_id"])


class Draining:
    """Right: who is to be moved is asked to come again as soon as nothing is under way on its connection."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.share, self.cohort = 0.0, frozenset()
        self.links = set()
        self.moves = 0

    async def move(self, share, cohort):
        self.share, self.cohort = share, cohort
        self.moves += 1
        for link in list(self.links):
            if link.side != self.side_of(link.user):
                self.moved(link)

    def side_of(self, user):
        return int(user in self.cohort or zlib.crc32(user.encode()) % 100 < self.share * 100)

    def moved(self, link):
        self.perhaps(link)

    def perhaps(self, link):
        """End the connection of who is to be moved, where nothing is under way."""
        if link.side != self.side_of(link.user) and not link.under_way:
            self.ending = asyncio.ensure_future(link.down.close(1012, "come again"))

    def refuses(self, user):
        return False

    def admit(self, connection, request):
        if self.refuses(user_of(request)):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "moving\n")
        return None

    async def connected(self, down):
        user = user_of(down.request)
        side = self.side_of(user)
        token = {"Authorization": down.request.headers["Authorization"]}
        async with connect(self.sides[side], additional_headers=token, ping_interval=None, proxy=None) as up:
            link = Link(user, side, down, up)
            self.links.add(link)
            pumps = [asyncio.ensure_future(self.upwards(link)), asyncio.ensure_future(self.downwards(link))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.links.discard(link)
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                await down.close(1012)

    async def upwards(self, link):
        with contextlib.suppress(ConnectionClosed):
            async for message in link.down:
                link.asks(message)
                await link.up.send(message)

    async def downwards(self, link):
        with contextlib.suppress(ConnectionClosed):
            async for message in link.up:
                await self.deliver(link, message)
                if '"agent_completed"' in message:
                    link.under_way.discard(json.loads(message)["run_id"])
                self.perhaps(link)

    async def deliver(self, link, message):
        await link.down.send(message)

    @contextlib.asynccontextmanager
    async def serving(self):
        options = {"process_request": self.admit, "ping_interval": None, "close_timeout": 1}
        async with serve(self.connected, "127.0.0.1", 0, **options) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


class Cutting(Draining):
    """Who is moved is cut off, whatever is under way."""

    def moved(self, link):
        link.down.transport.abort()


class Leaking(Draining):
    """In a move, one event goes to whoever else is moved."""

    leak = 0

    async def move(self, share, cohort):
        await super().move(share, cohort)
        self.leak = 1

    async def deliver(self, link, message):
        others = [other for other in self.links if other.user != link.user]
        if self.leak and others and '"agent_thinking"' in message:
            self.leak = 0
            await others[0].down.send(message)
        await super().deliver(link, message)


class Forgetting(Draining):
    """From the first move on nobody is let in any more: who is moved is lost."""

    def refuses(self, user):
        return self.moves > 0


class Swallowing(Draining):
    """In a move, one message of a user who stays where it is is not passed on."""

    swallow = 0

    async def move(self, share, cohort):
        await super().move(share, cohort)
        self.swallow = 1

    async def upwards(self, link):
        with contextlib.suppress(ConnectionClosed):
            async for message in link.down:
                if self.swallow and link.side == self.side_of(link.user):
                    self.swallow = 0
                    continue
                link.asks(message)
                await link.up.send(message)


def user_of(request):
    claims = request.headers["Authorization"].removeprefix("Bearer ").split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
