"""Events are put into an envelope of declared fields before they are sent. The defect: an event without a user id fails
on the way, and a blanket except turns the failure into success."""

import logging
from dataclasses import asdict, dataclass

DEFECT, NEEDS = "false_success", "sequence"
CHECK = "delivery"
USERS = ("alice", "bob")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Envelope:
    type: str
    run_id: str
    user_id: str
    payload: dict
    thread_id: str | None = None

    @classmethod
    def of(cls, event):
        return cls(event["type"], event["run_id"], event["user_id"], event["payload"], event.get("thread_id"))


class EnvelopeHub:
    def __init__(self):
        self.clients = {}

    async def connect(self, user_id, ws):
        self.clients.setdefault(user_id, []).append(ws)

    async def disconnect(self, user_id, ws):
        clients = self.clients.get(user_id, [])
        if ws in clients:
            clients.remove(ws)
        if not clients:
            self.clients.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        for ws in [*self.clients.get(user_id, [])]:
            if ws not in self.clients.get(user_id, []):
                continue
            try:
                await ws.send_json(asdict(Envelope.of(event)))
            except Exception as error:
                log.debug("cannot reach %s: %s", user_id, error)
        return True


def scenario(stage):
    stage.connect("alice")
    stage.connect("bob")
    stage.twin("alice", "bob")


def create():
    return EnvelopeHub()
