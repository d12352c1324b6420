"""A socket is leased to the user who is logged in on it, who may change. Every five minutes the client is told that the
lease goes on, and the lease is written anew. The defect: what is written is the lease as it was before the client was
told, whoever the socket is leased to by then.

It takes all of these, in this order:
1. a user is logged in for five minutes;
2. the client is being told that the lease goes on;
3. the user logs out;
4. another user logs in on the same socket;
5. the client has been told;
6. something is published for the first user.
"""

import asyncio
from dataclasses import dataclass, replace

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

RENEWAL = 300.0


@dataclass(frozen=True)
class Lease:
    user_id: str
    renewals: int = 0


class LeaseBook:
    def __init__(self):
        self.leases = {}
        self.timers = {}

    def _arm(self, websocket):
        self.timers[websocket] = asyncio.get_running_loop().call_later(RENEWAL, self._due, websocket)

    def _due(self, websocket):
        asyncio.create_task(self._renew(websocket, self.leases[websocket]))

    async def _renew(self, websocket, lease):
        try:
            await websocket.send_json({"type": "lease", "renewals": lease.renewals + 1})
        except (RuntimeError, ConnectionError):
            return
        if websocket in self.leases:
            self.leases[websocket] = replace(lease, renewals=lease.renewals + 1)
            self.timers[websocket].cancel()
            self._arm(websocket)

    async def connect(self, user_id, websocket):
        self.leases[websocket] = Lease(user_id)
        self._arm(websocket)

    async def disconnect(self, user_id, websocket):
        if self.leases.pop(websocket, None) is not None:
            self.timers.pop(websocket).cancel()

    async def broadcast_to_user(self, user_id, event):
        reached = 0
        for websocket in list(self.leases):
            lease = self.leases.get(websocket)
            if lease is not None and lease.user_id == user_id:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    continue
                reached += 1
        return reached


def scenario(stage):
    kiosk = stage.connect("alice")
    stage.hold(kiosk)
    stage.sleep(300)
    stage.disconnect(kiosk)
    stage.connect("bob", reuse=kiosk)
    stage.release(kiosk)
    stage.publish("alice")


def create():
    return LeaseBook()
