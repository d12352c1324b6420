"""Accounts have numeric ids, and the registry is keyed by number. The defect: 1, 01 and +1 are one number."""

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("1", "01")


class Accounts:
    def __init__(self):
        self.sockets = {}

    @staticmethod
    def key(account_id):
        try:
            return int(account_id)
        except ValueError:
            return account_id

    async def connect(self, websocket, account_id):
        self.sockets.setdefault(self.key(account_id), []).append(websocket)

    async def disconnect(self, websocket, account_id):
        self.sockets[self.key(account_id)].remove(websocket)

    async def notify(self, account_id, payload):
        for websocket in list(self.sockets.get(self.key(account_id), ())):
            if websocket not in self.sockets.get(self.key(account_id), ()):
                continue
            try:
                await websocket.send_json(payload)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("1")
    stage.publish("01")


def create():
    return Accounts()
