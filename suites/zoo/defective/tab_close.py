"""Tabs of a user share one entry of the registry. The defect: closing one tab removes the whole entry."""

from collections.abc import Awaitable, Callable

DEFECT, NEEDS = "loss", "sequence"
CHECK = "delivery"
USERS = ("alice", "bob")

Push = Callable[[dict], Awaitable[None]]


class TabRegistry:
    def __init__(self) -> None:
        self._tabs: dict[str, dict[int, Push]] = {}

    def subscribe(self, user_id: str, websocket) -> None:
        self._tabs.setdefault(user_id, {})[id(websocket)] = websocket.send_json

    def unsubscribe(self, user_id: str) -> None:
        """The user's tab was closed."""
        self._tabs.pop(user_id, None)

    async def publish(self, user_id: str, event: dict) -> int:
        reached = 0
        for key, push in list(self._tabs.get(user_id, {}).items()):
            if self._tabs.get(user_id, {}).get(key) is not push:
                continue
            try:
                await push(event)
            except (RuntimeError, ConnectionError):
                continue
            reached += 1
        return reached


def scenario(stage):
    first = stage.connect("alice")
    stage.connect("alice")
    stage.disconnect(first)
    stage.publish("alice")


def create():
    return TabRegistry()
