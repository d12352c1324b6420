"""The pool of connections: each exactly once, none that has ended, counts true; also as a named registry holds it."""

import pytest

from crosstalk.consolidation.pool import connections, pool
from crosstalk.examination import open_target
from crosstalk.targets.loader import TargetError

HUB = """
class Link:
    __slots__ = ("user", "socket", "same")
    def __init__(self, user, socket):
        self.user, self.socket, self.same = user, socket, socket
class Hub:
    def __init__(self):
        self.links = {{}}
        self.order = []
        self.users = set()
        self.count = 0
    @property
    def by_link(self):
        return {{user: [Link(user, w) for w in all] for user, all in self.links.items()}}
    def owners(self):
        return {{w: user for user, all in self.links.items() for w in all}}
    def failing(self):
        raise LookupError("no shard")
    async def connect(self, user_id, websocket):
        self.links.setdefault(user_id, []).append(websocket)
        self.order.append(websocket)
        self.users.add(user_id)
        self.count += 1
        {connecting}
    async def disconnect(self, user_id, websocket):
        if websocket in self.links.get(user_id, ()):
            {leaving}
            self.order.remove(websocket)
            self.count -= 1
    async def publish(self, user_id, event):
        there = list(self.links.get(user_id, ()))
        for websocket in there:
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
        return {count}
"""


def looked(
    tmp_path, registry="", connecting="pass", leaving="self.links[user_id].remove(websocket)", count="len(there)"
):
    path = tmp_path / "ws.py"
    path.write_text(HUB.format(connecting=connecting, leaving=leaving, count=count))
    found, notes = pool(open_target(f"{path}:Hub", names={"registry": registry} if registry else {}), users=24)
    assert not notes
    return found


def test_a_pool_that_is_whole(tmp_path):
    found = looked(tmp_path)
    # 24 users with two devices; of each four one loses a device, one both, and one connects a device again
    assert (found.made, found.ended, found.open) == (54, 24, 30)
    assert found.violations == () and found.registry == ""


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"connecting": "self.links[user_id] = self.links[user_id][-1:]"}, "delivery"),
        ({"connecting": "self.links[user_id].append(websocket)"}, "duplicate"),
        ({"leaving": "pass"}, "ghost"),
        ({"count": "len(self.order)"}, "truthful_count"),
        ({"connecting": "self.links.setdefault('alice', []).append(websocket)"}, "isolation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_from_outside(tmp_path, change, check):
    found = looked(tmp_path, **change)
    assert check in {violation.partition(":")[0] for violation in found.violations}


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ("links", "links: 30 connections"),
        ("order", "order: 30 connections"),
        ("by_link", "by_link: 30 connections"),
        ("owners", "owners: 30 connections"),
        ("count", "count: 30"),
    ],
)
def test_a_registry_that_agrees(tmp_path, registry, words):
    found = looked(tmp_path, registry)
    assert found.violations == () and found.registry == words


@pytest.mark.parametrize(
    ("registry", "change", "words"),
    [
        (
            "order",
            {"connecting": "self.order.append(websocket)"},
            "order holds 48 of 48 open connections more than once",
        ),
        ("order", {"connecting": "self.order = self.order[-40:]"}, "order is without 8 of 48 open connections"),
        (
            "links",
            {"leaving": "self.links.setdefault('gone', []).append(self.links[user_id].pop())"},
            "links holds 24 connections that have ended, beside 30 that are open",
        ),
        ("count", {"connecting": "self.count += 1"}, "count is 96 where 48 connections are open"),
    ],
)
def test_a_registry_that_does_not(tmp_path, registry, change, words):
    assert f"registry: {words}" in looked(tmp_path, registry, **change).violations


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ("users", r"ws\.py:Hub: its registry users holds no connection: name an attribute"),
        ("nowhere", r"its registry nowhere holds no connection"),
        ("failing", r"failing\(\) raised LookupError: no shard"),
    ],
)
def test_a_name_that_is_no_registry(tmp_path, registry, words):
    with pytest.raises(TargetError, match=words):
        looked(tmp_path, registry)


def test_nothing_is_found_in_what_holds_no_connection():
    assert connections({"alice": ["text", 7, None, object()], 3: ()}) == []
