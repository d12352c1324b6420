"""A WeakSet of sockets per user: one that its server has dropped without a word is gone by itself. Publishing says
whether anybody was there."""

import weakref

SEARCHES = ("connection",)


class WeakRegistry:
    def __init__(self):
        self._sockets: dict[str, weakref.WeakSet] = {}

    async def add_socket(self, user_id: str, socket) -> None:
        self._sockets.setdefault(user_id, weakref.WeakSet()).add(socket)
        for absent in [user for user, sockets in self._sockets.items() if not sockets]:
            del self._sockets[absent]

    async def remove_socket(self, user_id: str, socket) -> None:
        self._sockets.get(user_id, set()).discard(socket)
        if not self._sockets.get(user_id):
            self._sockets.pop(user_id, None)

    async def notify_user(self, user_id: str, data: dict) -> bool:
        reached = False
        for socket in list(self._sockets.get(user_id, ())):
            if socket in self._sockets.get(user_id, ()):
                try:
                    await socket.send_json(data)
                    reached = True
                except (RuntimeError, ConnectionError):
                    continue
        return reached


def create():
    return WeakRegistry()
