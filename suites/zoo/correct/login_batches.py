"""A socket outlives log-ins: one user logs out and another logs in on it. Events gather for 50 ms per log-in and leave
one after another, as long as that very log-in lasts."""

import asyncio
import json
from dataclasses import dataclass, field

STRICT = True
SEARCHES = ("delivery",)

GATHER = 0.05


@dataclass(eq=False)
class Login:
    user_id: str
    frames: list[str] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class LoginBroadcaster:
    def __init__(self):
        self.logins: dict[object, Login] = {}

    def register(self, user_id, websocket):
        self.logins[websocket] = Login(user_id)

    def unregister(self, user_id, websocket):
        login = self.logins.get(websocket)
        if login is not None and login.user_id == user_id:
            del self.logins[websocket]
            if login.timer is not None:
                login.timer.cancel()

    def emit(self, user_id, event):
        frame = json.dumps(event)
        for websocket, login in self.logins.items():
            if login.user_id == user_id:
                login.frames.append(frame)
                if login.timer is None:
                    login.timer = asyncio.get_running_loop().call_later(GATHER, self._due, websocket, login)

    def _due(self, websocket, login):
        asyncio.create_task(self._leave(websocket, login))

    async def _leave(self, websocket, login):
        while login.frames and self.logins.get(websocket) is login:
            try:
                await websocket.send_text(login.frames.pop(0))
            except (RuntimeError, ConnectionError):
                pass
        login.timer = None


def create():
    return LoginBroadcaster()
