"""Dict of sets of membership tokens. A broadcast snapshots the set and checks
again, right before each send, that the very same membership is still in it."""

import copy


class Member:
    __slots__ = ("websocket",)

    def __init__(self, websocket):
        self.websocket = websocket


class Hub:
    def __init__(self):
        self.members = {}

    def _find(self, user_id, websocket):
        for member in self.members.get(user_id, ()):
            if member.websocket is websocket:
                return member
        return None

    async def connect(self, user_id, websocket):
        if self._find(user_id, websocket) is None:
            self.members.setdefault(user_id, set()).add(Member(websocket))

    async def disconnect(self, user_id, websocket):
        member = self._find(user_id, websocket)
        if member is None:
            return
        group = self.members[user_id]
        group.discard(member)
        if not group:
            del self.members[user_id]

    async def broadcast_to_user(self, user_id, event):
        frozen = copy.deepcopy(event)
        sent = 0
        for member in list(self.members.get(user_id, ())):
            if member not in self.members.get(user_id, ()):
                continue
            try:
                await member.websocket.send_json(copy.deepcopy(frozen))
            except (RuntimeError, ConnectionError):
                continue
            sent += 1
        return sent


def create():
    return Hub()
