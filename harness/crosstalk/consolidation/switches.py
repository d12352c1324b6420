"""Switches: what stands before OLD and NEW while users move from one to the other, and back.

A switch is itself a broadcaster, and has `move`: from now on the users in `cohort`, and a `share` of all others, are to
be served by NEW; share 0 and no cohort is the roll-back. Two that keep every promise:

* Sticky moves connections as they come: who connects after the move is served by the side that is then right, and
  stays there until it disconnects. An event goes to each side that has a connection of its user. Nothing is ever
  carried over, so nothing can be lost; the move is complete when everybody has reconnected.
* Draining moves users while they stay connected. Every connection is registered with both sides from the start, and
  each event goes to one of them. To move a user their new events wait, those under way return, and a fence, an event
  of the switch's own, goes through the side they leave; when it comes out at each of their connections everything
  before it has been sent, and the waiting events go to the other side. Needs sides that keep the order and send one
  event a frame.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

from crosstalk.consolidation.side import Broadcaster


class Switch(Broadcaster, Protocol):
    """A broadcaster that can move users between two others."""

    async def move(self, share: float, cohort: frozenset[str] = frozenset()) -> Any: ...


def chosen(user_id: str, share: float, cohort: frozenset[str]) -> bool:
    """Whether NEW is to serve the user. A user's place among all others never changes."""
    return user_id in cohort or zlib.crc32(user_id.encode()) % 10_000 < share * 10_000


class Sticky:
    """See above. Needs nothing of either side."""

    def __init__(self, old: Broadcaster, new: Broadcaster) -> None:
        self._sides = (old, new)
        self._wanted: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._links: dict[str, dict[Any, int]] = defaultdict(dict)

    async def move(self, share: float, cohort: frozenset[str] = frozenset()) -> None:
        self._wanted = (share, cohort)

    async def connect(self, user_id: str, websocket: Any) -> Any:
        side = int(chosen(user_id, *self._wanted))
        self._links[user_id][websocket] = side
        accepted: Any = False
        try:
            accepted = await self._sides[side].connect(user_id, websocket)
        finally:
            if accepted is False:
                self._forget(user_id, websocket)
        return accepted

    async def disconnect(self, user_id: str, websocket: Any) -> None:
        side = self._links.get(user_id, {}).get(websocket)
        if side is not None:
            try:
                await self._sides[side].disconnect(user_id, websocket)
            finally:
                self._forget(user_id, websocket)

    def _forget(self, user_id: str, websocket: Any) -> None:
        self._links[user_id].pop(websocket, None)
        if not self._links[user_id]:
            del self._links[user_id]

    async def publish(self, user_id: str, event: dict[str, Any]) -> Any:
        sides = sorted(set(self._links.get(user_id, {}).values())) or [int(chosen(user_id, *self._wanted))]
        values, errors = [], []
        for side in sides:
            try:
                values.append(await self._sides[side].publish(user_id, event))
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        counts = [value for value in values if type(value) is int]
        return sum(counts) if counts else values[0]


class Draining:
    """See above."""

    def __init__(self, old: Broadcaster, new: Broadcaster) -> None:
        self._sides = (old, new)
        self._wanted: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._links: dict[str, dict[Any, tuple[_Proxy, _Proxy]]] = defaultdict(dict)
        self._serving: dict[str, int] = {}
        self._moving: dict[str, asyncio.Event] = {}
        self._under_way: dict[str, int] = defaultdict(int)
        self._returned = asyncio.Event()
        self._fences = 0
        self._turn = asyncio.Lock()

    async def move(self, share: float, cohort: frozenset[str] = frozenset()) -> None:
        """Returns when every connected user is where they belong; cancelled or failing, each user is on one side."""
        self._wanted = (share, cohort)
        async with self._turn:
            await asyncio.gather(*(self._bring(user) for user in list(self._links)))

    async def _bring(self, user_id: str) -> None:
        leaving = self._serving.get(user_id)
        if leaving is None or leaving == int(chosen(user_id, *self._wanted)):
            return
        moved = self._moving[user_id] = asyncio.Event()
        try:
            while self._under_way.get(user_id):
                self._returned.clear()
                await self._returned.wait()
            await self._drain(user_id, leaving)
            if user_id in self._serving:
                self._serving[user_id] = 1 - leaving
        finally:
            del self._moving[user_id]
            moved.set()

    async def _drain(self, user_id: str, side: int) -> None:
        links = [proxies[side] for proxies in self._links.get(user_id, {}).values()]
        if not links:
            return
        self._fences += 1
        fence = f"{FENCE}{self._fences};"
        arrivals = [link.expect(fence) for link in links]
        try:
            await self._sides[side].publish(user_id, {"type": "fence", "user_id": user_id, "payload": {"fence": fence}})
            await asyncio.gather(*arrivals)
        finally:
            for link in links:
                link.done(fence)

    async def connect(self, user_id: str, websocket: Any) -> Any:
        proxies = (_Proxy(websocket), _Proxy(websocket))
        accepted: Any = False
        try:
            for side in (0, 1):
                accepted = False  # until this side has taken it
                accepted = await self._sides[side].connect(user_id, proxies[side])
                if accepted is False:
                    return False
            self._links[user_id][websocket] = proxies
            self._serving.setdefault(user_id, int(chosen(user_id, *self._wanted)))
        finally:
            if accepted is False:
                for side in (0, 1):
                    await self._sides[side].disconnect(user_id, proxies[side])
        return None

    async def disconnect(self, user_id: str, websocket: Any) -> None:
        mine = self._links.get(user_id, {})
        proxies = mine.pop(websocket, None)
        if not mine:
            self._links.pop(user_id, None)
            self._serving.pop(user_id, None)
        if proxies is None:
            return
        try:
            await self._sides[0].disconnect(user_id, proxies[0])
        finally:
            await self._sides[1].disconnect(user_id, proxies[1])
            for proxy in proxies:
                proxy.over()

    async def publish(self, user_id: str, event: dict[str, Any]) -> Any:
        while user_id in self._moving:
            await self._moving[user_id].wait()
        side = self._serving.get(user_id, int(chosen(user_id, *self._wanted)))
        self._under_way[user_id] += 1
        try:
            return await self._sides[side].publish(user_id, event)
        finally:
            self._under_way[user_id] -= 1
            if not self._under_way[user_id]:
                del self._under_way[user_id]
                self._returned.set()


FENCE = "crosstalk-fence-"


class _Proxy:
    """A connection as one side sees it; keeps the switch's fences from the user, and tells when they come out."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket
        self._expected: dict[str, asyncio.Future[None]] = {}
        self._over = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._websocket, name)

    def expect(self, fence: str) -> asyncio.Future[None]:
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected[fence] = arrival
        if self._over:
            arrival.set_result(None)
        return arrival

    def done(self, fence: str) -> None:
        self._expected.pop(fence, None)

    def over(self) -> None:
        """Nothing more will come out of this connection."""
        self._over = True
        for arrival in self._expected.values():
            if not arrival.done():
                arrival.set_result(None)

    async def close(self, *more: Any, **options: Any) -> Any:
        self.over()
        return await self._websocket.close(*more, **options)

    async def _send(self, send: Callable[..., Any], message: Any, *more: Any, **options: Any) -> Any:
        if self._fenced(message):
            return None
        try:
            return await send(message, *more, **options)
        except (RuntimeError, ConnectionError):
            self.over()
            raise

    def _fenced(self, message: Any) -> bool:
        shown = message if isinstance(message, str) else repr(message)
        if FENCE not in shown:
            return False
        for fence, arrival in self._expected.items():
            if fence in shown and not arrival.done():
                arrival.set_result(None)
        return True

    async def send_json(self, message: Any, *more: Any, **options: Any) -> Any:
        return await self._send(self._websocket.send_json, message, *more, **options)

    async def send_text(self, message: Any, *more: Any, **options: Any) -> Any:
        return await self._send(self._websocket.send_text, message, *more, **options)

    async def send_bytes(self, message: Any, *more: Any, **options: Any) -> Any:
        return await self._send(self._websocket.send_bytes, message, *more, **options)

    async def send(self, message: Any, *more: Any, **options: Any) -> Any:
        return await self._send(self._websocket.send, message, *more, **options)


SWITCHES: dict[str, Callable[[Broadcaster, Broadcaster], Any]] = {"drain": Draining, "sticky": Sticky}
