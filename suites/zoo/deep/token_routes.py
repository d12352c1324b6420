"""Frames are routed by a small session token, which a client shows with each request and which is renewed every five
minutes. The token of a session that ended is laid aside for as long before it is issued again. The defect: a renewed
token is spare as soon as the client knows the new one, though a publish, which notes its user's tokens and follows them
one by one, can still be going to follow it.

It takes all of these, in this order:
1. a publish for a user with two connections notes both tokens and waits on the first send;
2. the five minutes of the second connection are over, and its client is told of a new token;
3. that send completes, so that the old token is spare;
4. another user connects and is issued it, while
5. the first send of the publish completes only now.
"""

import asyncio
import json
from collections import deque

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

LIFETIME = 300.0


class Session:
    def __init__(self, user_id, websocket):
        self.user_id = user_id
        self.websocket = websocket
        self.token = 0
        self.timer = None
        self.renewal = None


class TokenRouter:
    def __init__(self):
        self.sessions = {}
        self.routes = {}
        self.spare = deque()

    def _issue(self, session):
        token = self.spare.popleft() if self.spare else len(self.routes) + 1
        self.routes[token] = session
        return token

    def _arm(self, session):
        session.timer = asyncio.get_running_loop().call_later(LIFETIME, self._due, session)

    def _due(self, session):
        session.renewal = asyncio.create_task(self._renew(session))

    async def _renew(self, session):
        token = self._issue(session)
        try:
            await session.websocket.send_json({"type": "token", "token": token})
        except (RuntimeError, ConnectionError):
            pass
        self.spare.append(session.token)
        session.token = token
        self._arm(session)

    async def connect(self, user_id, websocket):
        session = self.sessions[user_id, websocket] = Session(user_id, websocket)
        session.token = self._issue(session)
        self._arm(session)

    async def disconnect(self, user_id, websocket):
        session = self.sessions.pop((user_id, websocket), None)
        if session is None:
            return
        session.timer.cancel()
        if session.renewal is not None:
            session.renewal.cancel()
        for token in [token for token, owner in self.routes.items() if owner is session]:
            self.routes[token] = None
            if token not in self.spare:
                asyncio.get_running_loop().call_later(LIFETIME, self.spare.append, token)

    async def publish(self, user_id, event):
        text = json.dumps(event)
        for token in [session.token for session in self.sessions.values() if session.user_id == user_id]:
            session = self.routes[token]
            if session is not None:
                try:
                    await session.websocket.send_text(text)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    phone = stage.connect("alice")
    stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice")
    stage.sleep(300)
    stage.connect("bob")
    stage.release(phone)


def create():
    return TokenRouter()
