"""A user is a group, and group names may hold letters, digits, hyphens and full stops only. The defect: whatever else
an id holds becomes a hyphen, so that two ids become one name."""

import re

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("ann:lee", "ann-lee")


class Groups:
    def __init__(self):
        self.members = {}

    def _group(self, user_id):
        return "user-" + re.sub(r"[^A-Za-z0-9.-]", "-", user_id)

    async def group_add(self, user_id, channel):
        self.members.setdefault(self._group(user_id), []).append(channel)

    async def group_discard(self, user_id, channel):
        self.members[self._group(user_id)].remove(channel)

    add = group_add
    remove = group_discard

    async def send_to_user(self, user_id, event):
        members = self.members.get(self._group(user_id), [])
        for channel in list(members):
            if channel in members:
                try:
                    await channel.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.connect("ann:lee")
    stage.publish("ann-lee")


def create():
    return Groups()
