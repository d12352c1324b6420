"""FastAPI, with a connection manager, a synchronous dependency, a token in a header, and a lifespan.

In `wrong` the manager falls back to everybody when a user's connections have just gone.
"""

import json
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI, Header, WebSocket, WebSocketDisconnect, WebSocketException, status


class Manager:
    def __init__(self):
        self.sockets: dict[str, set[WebSocket]] = {}

    async def connect(self, user: str, websocket: WebSocket):
        await websocket.accept()
        self.sockets.setdefault(user, set()).add(websocket)

    def disconnect(self, user: str, websocket: WebSocket):
        self.sockets[user].discard(websocket)
        if not self.sockets[user]:
            del self.sockets[user]

    def of(self, user: str) -> set[WebSocket]:
        return self.sockets.get(user, set())

    async def send(self, user: str, event: dict):
        for websocket in list(self.of(user)):
            if websocket in self.of(user):
                with suppress(WebSocketDisconnect, RuntimeError):
                    await websocket.send_text(json.dumps(event))


class Everybody(Manager):
    def of(self, user: str) -> set[WebSocket]:
        return self.sockets.get(user) or {one for many in self.sockets.values() for one in many}


def current_user(authorization: str = Header(default="")) -> str:
    """Run in the threadpool, since it is synchronous."""
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or not token:
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION)
    return token


def create(manager_type=Manager) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.manager = manager_type()
        yield
        app.state.manager = None

    app = FastAPI(lifespan=lifespan)

    @app.websocket("/ws")
    async def chat(websocket: WebSocket, user: str = Depends(current_user)):
        manager = websocket.app.state.manager
        await manager.connect(user, websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            manager.disconnect(user, websocket)

    @app.post("/users/{user}/events")
    async def publish(user: str, event: dict) -> dict:
        await app.state.manager.send(user, event)
        return {"ok": True}

    return app


def right() -> FastAPI:
    return create()


def wrong() -> FastAPI:
    return create(Everybody)
