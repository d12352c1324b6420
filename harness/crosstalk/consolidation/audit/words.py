"""The names by which code tells what it is about."""

from __future__ import annotations

import re

USERS = frozenset(
    [
        "user",
        "users",
        "uid",
        "recipient",
        "recipients",
        "to",
        "target",
        "member",
        "account",
        "owner",
        "subject",
        "principal",
        "room",
        "rooms",
        "group",
        "groups",
        "topic",
        "topics",
        "channel",
        "channels",
        "destination",
        "username",
    ]
)
_OTHERS = re.compile(r"^_*(exclude|except|skip|ignore|without|not|from|sender|source)d?(_|$)")
"""What begins so is of those who are not addressed."""
_ADDRESSES = re.compile(r"(^|_)(conn|connection|client|session|peer|run|thread|conversation|chat)_?ids?$")
"""Ids by which code finds who is to be told, though the word alone means something else."""
EVENTS = frozenset(
    [
        "event",
        "message",
        "msg",
        "payload",
        "data",
        "body",
        "content",
        "envelope",
        "item",
        "frame",
        "update",
        "notification",
        "packet",
        "text",
        "events",
        "messages",
        "frames",
        "notifications",
    ]
)
CONNECTIONS = frozenset(
    [
        "connection",
        "connections",
        "socket",
        "sockets",
        "websocket",
        "websockets",
        "client",
        "clients",
        "subscriber",
        "subscribers",
        "session",
        "sessions",
        "listener",
        "listeners",
        "peer",
        "peers",
        "queue",
        "queues",
        "channel",
        "channels",
        "member",
        "members",
        "participants",
        "room",
        "rooms",
        "ws",
        "conns",
        "transports",
        "consumers",
        "callbacks",
        "pool",
        "subscription",
        "subscriptions",
        "subs",
        "device",
        "devices",
        "waiters",
        "inbox",
        "inboxes",
        "mailbox",
        "mailboxes",
        "watchers",
        "observer",
        "observers",
        "receivers",
    ]
)
SENDS = frozenset(
    [
        "send",
        "send_json",
        "send_text",
        "send_bytes",
        "send_str",
        "send_message",
        "sendall",
        "asend",
        "put",
        "put_nowait",
        "write",
        "write_message",
        "emit",
        "push",
        "publish",
        "notify",
        "deliver",
        "enqueue",
    ]
)
_FAMILY = re.compile(
    r"(^|_)a?(broadcast|send|emit|push|notify|publish|deliver|dispatch|forward|relay|announce|tell|fan_?out)(_|$)"
    r"|^_*(message|(on_)?route)(_|$)"
    r"|(^|_)(add|put|pass|post|write|queue|enqueue)(_\w+)?_(message|msg|event|notification|frame|packet)s?(_|$)"
)
_STRONG = re.compile(
    r"(^|_)(broadcast|send|emit|push|notify|publish|deliver|dispatch|forward|route|relay|message)(_\w+)*_"
    r"(user|users|room|group|recipient|member|account|topic)s?($|_)|^(group_send|notify_user)$"
)
_PASSING = re.compile(
    r"(^|_)(broadcast|send|emit|push|notify|publish|deliver|dispatch|put|put_nowait|relay|forward|signal|trigger|xadd)(_|$)"
)
_HANDING = re.compile(
    r"(^|_)(broadcast|send|emit|push|put|notify|callback|trigger|deliver|write|publish|dispatch)(_|$)"
)
_PAST = re.compile(r"histor|backlog|recent|archive|cache|replay|(^|_)logs?(_|$)")
_STORED = re.compile(r"(^|[_.])(storage|stores?|repo|repository|database|db|objects|crud|save|persist|record)([_.]|$)")
_BY_KEY = re.compile(r"_(by|for|of|in)(_|$)")
_NAMING = re.compile(r"(channel|group|room|topic|queue)s?_?(name|key|id)s?(_|$)")
_MEMBERSHIP = re.compile(
    r"^_*a?(un)?(subscribe|register|join|leave|connect|disconnect|kick|evict|close|listen|open|accept|end|mark)(_|$)"
)
_HANDLER = re.compile(
    r"^(get|post|put|patch|delete|receive(_\w+)?|on_(?!route)\w+|websocket_\w+|(datagram|data)_received)$"
)
_FINDS_NONE = re.compile(r"^_*(is|has|can|check|require|verify|ensure|count|add|remove|create|set)_")
_PERSON = re.compile(r"(^|_)(users?|uid|recipients?|members?|accounts?|owner|principal|username)(_|$)")
_OWN_CONNECTION = re.compile(r"^(request|websocket|ws|conn)$")
_FRAMEWORK = re.compile(r"middleware|route")
_ROUTES = re.compile(r"^(get|post|put|patch|delete|head|(api_)?route|websocket|on|event|receiver|subscriber)$")
_ADDRESS_OF = re.compile(
    r"^(?!_*(get|find|look|fetch|ensure|open|create|make|join))\w*(channel|group|room|topic|stream)(_(for|of)\w*)?$"
)
_PUBLISHES = re.compile(r"^_*(\w+_)?a?publish(_\w+)?$|^(group_send|xadd)$")
_ELSEWHERE = re.compile(
    r"(^|_)(e?mails?|sms|slack|logs?|save|store|webhook|metrics?|trace|pings?|pongs?|heartbeats?|keep_?alive)(_|$)"
)


def _plain(name: str) -> str:
    name = name.lower().strip("_")
    for ending in ("_id", "_ids", "_key", "_pk", "_name", "_names", "_context", "id"):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name[: -len(ending)].rstrip("_")
    return name


def says_user(name: str) -> bool:
    """Whether `name` is a user's, or of what stands for users: a room, a topic, an account."""
    plain = _plain(name)
    return not says_others(name) and (
        plain in USERS
        or plain.rpartition("_")[2] in USERS - {"to", "channel", "channels", "target"}
        or bool(_ADDRESSES.search(name.lower().strip("_")))
    )


def says_others(name: str) -> bool:
    """Whether `name` is of those who are not addressed: `exclude`, `skip_users`."""
    return bool(_OTHERS.search(name.lower()))


def says_event(name: str) -> bool:
    first, _, last = name.lower().strip("_").rpartition("_")
    return last in EVENTS or (first in EVENTS and last in ("name", "type", "kind"))


def says_connections(name: str) -> bool:
    return any(part in CONNECTIONS for part in name.lower().strip("_").split("_"))


def says_past(name: str) -> bool:
    """Whether something of this name keeps what has been, rather than who is there."""
    return bool(_PAST.search(name.lower()))


def says_links(name: str) -> bool:
    """Whether `name` means connections themselves: `user_sockets`, `sockets_of_user`; no `session_texts`."""
    head = re.split(r"_(?:by|for|of|in)_", name.lower().strip("_"))[0]
    return says_connections(head.rpartition("_")[2])


def says_stored(name: str) -> bool:
    """Whether this is about a store, or puts something in one: what is found there is a record and no connection."""
    return bool(_STORED.search(name.lower()))


def is_store(class_: str) -> bool:
    """Whether a class of this name keeps things: `MessageStore`, `MemoryBacklog`."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", class_).lower()
    return says_past(name) or says_stored(name)


def says_by_key(name: str) -> bool:
    """Whether a function of this name finds several, or by something: `get_callbacks_by_key`, `members_of`."""
    return bool(_BY_KEY.search(name.lower()))


def finds_none(name: str) -> bool:
    """Whether a function of this name asks or changes something, rather than finding it: `is_member`, `add_client`."""
    return bool(_FINDS_NONE.search(name.lower()))


def says_address(name: str) -> bool:
    """Whether a function of this name tells where somebody is, not who is there: `get_group_name`, `room_of`."""
    return bool(_NAMING.search(name.lower()) or _ADDRESS_OF.search(name))


def is_family(name: str) -> bool:
    """Whether a function of this name may be meant to bring an event to somebody."""
    return bool(_FAMILY.search(name.lower())) and not _ELSEWHERE.search(name.lower())


def is_strong(name: str) -> bool:
    """Whether the name alone says: to a user."""
    return bool(_STRONG.search(name.lower()))


def passes_on(name: str) -> bool:
    return bool(_PASSING.search(name.lower().strip("_"))) and not _ELSEWHERE.search(name.lower())


def hands_over(name: str) -> bool:
    return bool(_HANDING.search(name.lower()))


def ends_or_begins(name: str) -> bool:
    """Whether a function of this name changes who is there, rather than telling them something."""
    return bool(_MEMBERSHIP.search(name.lower()))


def is_handler(name: str, decorators: list[str], arguments: list[str]) -> bool:
    """Whether it is called with a request or a frame: `@app.post(...)`, `receive_json`, `send_chat(conn, frame)`."""
    routed = any(_ROUTES.search(decorator) for decorator in decorators)
    return routed or bool(_HANDLER.search(name)) or any(map(_OWN_CONNECTION.search, arguments[:3]))


def says_person(name: str) -> bool:
    """Whether `name` is a user's, and no room's or connection's."""
    return bool(_PERSON.search(name.lower()))


def says_framework(name: str) -> bool:
    """Whether what is kept under this name takes part in handling requests."""
    return bool(_FRAMEWORK.search(name.lower()))


def publishes(name: str) -> bool:
    """Whether what is called so takes the name of a channel, and finds who listens there itself."""
    return bool(_PUBLISHES.search(name.lower()))
