"""Sockets whose send fails are taken out of the user's group. The defect: the handler catches the cancellation of the
publish as well, and takes a healthy socket out."""

DEFECT, NEEDS = "loss", "cancellation"
CHECK = "delivery"
USERS = ("alice", "bob")


class GroupManager:
    def __init__(self):
        self.groups: dict[str, set] = {}

    async def join(self, websocket, user_id: str):
        self.groups.setdefault(user_id, set()).add(websocket)

    async def leave(self, websocket, user_id: str):
        self._discard(websocket, user_id)

    def _discard(self, websocket, user_id):
        group = self.groups.get(user_id, set())
        group.discard(websocket)
        if not group:
            self.groups.pop(user_id, None)

    async def send_personal_message(self, data: dict, user_id: str) -> int:
        delivered = 0
        for websocket in tuple(self.groups.get(user_id, ())):
            if websocket not in self.groups.get(user_id, ()):
                continue
            try:
                await websocket.send_json(data)
                delivered += 1
            except (RuntimeError, ConnectionError):
                self._discard(websocket, user_id)
            except BaseException:
                self._discard(websocket, user_id)
                raise
        return delivered


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    given_up = stage.start_publish("alice")
    stage.settle()
    stage.cancel(given_up)
    stage.release(phone)
    stage.publish("alice")


def create():
    return GroupManager()
