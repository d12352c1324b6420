"""A session a user knows which run is under way and stamps it on every envelope. The defect: the stamp is read anew for
each socket, after another run of the user may have begun."""

from dataclasses import dataclass, field

DEFECT, NEEDS = "mixed_runs", "interleaving"
CHECK = "integrity"
USERS = ("alice", "bob")


@dataclass
class AgentSession:
    websockets: list = field(default_factory=list)
    run_id: str | None = None


class AgentEvents:
    def __init__(self):
        self.sessions: dict[str, AgentSession] = {}

    async def connect(self, user_id: str, websocket) -> None:
        self.sessions.setdefault(user_id, AgentSession()).websockets.append(websocket)

    async def disconnect(self, user_id: str, websocket) -> None:
        session = self.sessions.get(user_id)
        if session is None or websocket not in session.websockets:
            return
        session.websockets.remove(websocket)
        if not session.websockets:
            del self.sessions[user_id]

    async def send_to_user(self, user_id: str, event: dict) -> int:
        session = self.sessions.get(user_id)
        if session is None:
            return 0
        session.run_id = event.get("run_id")
        delivered = 0
        for websocket in tuple(session.websockets):
            if websocket not in session.websockets:
                continue
            envelope = {**event, "run_id": session.run_id}
            try:
                await websocket.send_json(envelope)
            except (RuntimeError, ConnectionError):
                continue
            delivered += 1
        return delivered


def scenario(stage):
    phone = stage.connect("alice")
    stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice", "agent_started", run=1)
    stage.settle()
    stage.start_publish("alice", "agent_started", run=2)
    stage.settle()
    stage.release(phone)


def create():
    return AgentEvents()
