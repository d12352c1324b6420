"""Connections subscribe to topics, and a user is a topic. The defect: topics match by their beginning."""

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("user1", "user10")


class Topics:
    def __init__(self):
        self.subscriptions = []

    async def subscribe(self, topic, websocket):
        self.subscriptions.append((topic, websocket))

    async def unsubscribe(self, topic, websocket):
        self.subscriptions.remove((topic, websocket))

    async def publish(self, topic, message):
        for entry in list(self.subscriptions):
            if not topic.startswith(entry[0]) or entry not in self.subscriptions:
                continue
            try:
                await entry[1].send_json(message)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("user1")
    stage.publish("user10")


def create():
    return Topics()
