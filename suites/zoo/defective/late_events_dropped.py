"""Late events of a finished agent run are kept from the user. The defect: one flag a user says that the run is over, so
that a second run of the same user is cut off when the first completes."""

import copy
import logging

DEFECT, NEEDS = "mixed_runs", "sequence"
CHECK = "golden_path"
USERS = ("alice", "bob")

log = logging.getLogger(__name__)
PROGRESS = frozenset({"agent_thinking", "tool_executing", "tool_completed", "agent_completed"})


class RunGuard:
    """Lets an agent's progress through from its start to its completion."""

    def __init__(self):
        self.finished = False

    def admits(self, kind):
        if kind == "agent_started":
            self.finished = False
        elif kind in PROGRESS and self.finished:
            return False
        elif kind == "agent_completed":
            self.finished = True
        return True


class GuardedHub:
    def __init__(self):
        self.guards = {}
        self.clients = {}

    async def add_connection(self, user_id, client):
        self.guards.setdefault(user_id, RunGuard())
        self.clients.setdefault(user_id, set()).add(client)

    async def remove_connection(self, user_id, client):
        clients = self.clients.get(user_id, set())
        clients.discard(client)
        if not clients:
            self.clients.pop(user_id, None)
            self.guards.pop(user_id, None)

    async def emit_to_user(self, user_id, data):
        guard = self.guards.get(user_id)
        if guard is None:
            return
        if not guard.admits(data.get("type")):
            log.debug("late %s for %s", data.get("type"), user_id)
            return
        data = copy.deepcopy(data)
        for client in sorted(self.clients.get(user_id, ()), key=id):
            if client in self.clients.get(user_id, ()):
                try:
                    await client.send_json(data)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.connect("alice")
    stage.publish("alice", "agent_started", run=1)
    stage.publish("alice", "agent_started", run=2)
    stage.publish("alice", "agent_thinking", run=1)
    stage.publish("alice", "agent_thinking", run=2)
    stage.publish("alice", "agent_completed", run=1)
    stage.publish("alice", "agent_completed", run=2)


def create():
    return GuardedHub()
