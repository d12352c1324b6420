"""Sockets that failed are remembered, so that nothing is sent to them again. The defect: they are remembered after they
have been disconnected, too."""

DEFECT, NEEDS = "growth", "fault"
CHECK = "cleanup"
USERS = ("alice", "bob")


class SkippingBroadcaster:
    def __init__(self):
        self.connections = {}
        self.dead = set()

    async def subscribe(self, user_id, connection):
        self.connections.setdefault(user_id, []).append(connection)

    async def unsubscribe(self, user_id, connection):
        mine = self.connections.get(user_id, [])
        if connection in mine:
            mine.remove(connection)
        if not mine:
            self.connections.pop(user_id, None)

    async def emit(self, user_id, event):
        reached = 0
        for connection in tuple(self.connections.get(user_id, ())):
            if connection in self.dead or connection not in self.connections.get(user_id, ()):
                continue
            try:
                await connection.send_json(event)
                reached += 1
            except (RuntimeError, ConnectionError):
                self.dead.add(connection)
        return reached


def scenario(stage):
    for number in range(400):
        connection = stage.connect("alice")
        stage.fail(connection)
        stage.publish("alice")
        stage.disconnect(connection)
        if number in (99, 199, 399):
            stage.census()


def create():
    return SkippingBroadcaster()
