"""How one method of a broadcaster is called: what each of its parameters takes, told by names and annotations.

A parameter's name (or a WebSocket, str or bytes annotation) says what it takes; parameters whose names say nothing take
what is still missing, in the usual order. Understood are: the user's id (or a list of such), the connection's socket, a
connection id of the caller's choice, the event, its type, run id and thread id.

Whom an event is for is what publish asks for: a user, or a room, a session, a connection's id. `key` is the name of
that parameter, and whatever connect and disconnect take under this name is the user. A place beside the user (a room,
a workspace) is one for all where publish takes it too, else each user's own.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import msgspec

from crosstalk.targets.event_objects import Made, hints, is_enum, is_event_class

_SOCKET = (
    "websocket",
    "socket",
    "ws",
    "conn",
    "connection",
    "client",
    "sock",
    "channel",
    "transport",
    "stream",
    "peer",
)
_EVENT = (
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
    "text",
)
_USER = (
    "user",
    "user_id",
    "userid",
    "uid",
    "user_name",
    "username",
    "user_key",
    "recipient",
    "recipient_id",
    "to",
    "target",
    "owner",
    "owner_id",
    "member",
    "account",
    "account_id",
    "subject",
    "sub",
    "principal",
    "client_id",
    "room",
    "topic",
    "group",
    "channel_name",
    "key",
    "who",
    "name",
    "identity",
    "destination",
)
_USERS = ("user_ids", "users", "userids", "uids", "recipients", "recipient_ids", "targets", "members", "usernames")
_PLAIN = ("user", "user_id", "userid", "uid", "websocket", "event")
_ID = ("connection_id", "conn_id", "connid", "cid", "sid", "session_id", "session", "socket_id", "handle", "token")
_CHOSEN = ("client_id", "device_id", "device", "tab_id", "tab", "connection_name", "client_name")
_TYPE = ("event_type", "type", "type_", "event_name", "kind", "message_type", "msg_type", "topic", "name")
_NAME = ("username", "user_name", "nickname", "display_name", "name")
_PLACE = re.compile(
    "(room|channel|session|game|workspace|project|chat|conversation|dialogue|group|team|tenant|org|organization|lobby"
    "|match|meeting|party|board|document|doc|space|server|guild|company|campaign)(_?(id|code|key|name|slug))?"
)


WRAP = (
    "wrap the broadcaster in a small class that has connect(user_id, websocket), disconnect(user_id, websocket) and "
    "publish(user_id, event)"
)
"""What to do where a method is not understood."""


class NotABroadcaster(Exception):
    """The object lacks a usable connect, disconnect or publish method; the message says which was looked for."""


class Plan(msgspec.Struct, frozen=True):
    """How one method is called: its name, and what each argument is, positional first, keyword ones by name."""

    name: str
    positional: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...] = ()
    identity: str = ""  # what a user's id is annotated as, where that is no text: "int" or "UUID"
    key: str = ""  # the name of the parameter that takes the user
    kinds: tuple[tuple[str, Any], ...] = ()  # what an argument is made into first: an Enum, or an event class's Made
    place: str = ""  # the name of the parameter that takes a place for all
    shown: str = ""  # the call, for people
    clear: bool = True  # whether the key's name says that it is a user

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((*self.positional, *(what for _, what in self.keywords)))


def plain(name: str) -> str:
    return name.lower().strip("_")


def _says(name: str, words: tuple[str, ...]) -> bool:
    return plain(name) in words or any(plain(name).endswith("_" + word) for word in words if len(word) > 3)


def _annotated(parameter: inspect.Parameter) -> str:
    note = parameter.annotation
    return "" if note is parameter.empty else note if isinstance(note, str) else getattr(note, "__name__", str(note))


def _is_socket(note: str) -> bool:
    return "WebSocket" in note and not note.rstrip("]\"' ").endswith(("Message", "Event", "Payload", "Data"))


def _role(parameter: inspect.Parameter, kind: str) -> str:
    """What the parameter's name or annotation says it takes; "" when they say nothing."""
    name, note = plain(parameter.name), _annotated(parameter)
    if kind != "publish":
        if _is_socket(note) or "Queue" in note or name in ("queue", "q", "subscription", "subscriber", "stream"):
            return "socket"
        if name in _ID:
            return "id"
        if name in _CHOSEN and name != "client_id":
            return "chosen"
        if _says(name, _USER):
            return "user"
        return "socket" if _says(name, _SOCKET) else ""
    if name in ("run_id", "run", "thread_id", "thread"):
        return "run_id" if name.startswith("run") else "thread_id"
    if name in ("user", "user_id", "uid"):
        return "user"
    if name in _TYPE[:-2]:
        return "type"
    if name in _USERS:
        return "user_set" if "set" in note.lower() else "users"
    if _is_socket(note) or name in ("websocket", "ws", "socket"):
        return "socket"
    if _says(name, _EVENT):
        return _event_as(parameter)
    return "user" if _says(name, _USER) else ""


def _event_as(parameter: inspect.Parameter) -> str:
    note = _annotated(parameter)
    return "text" if note == "str" else "bytes" if note == "bytes" else "event"


def _by_name(parameters: list[inspect.Parameter], kind: str, key: str, place: str) -> dict[str, str]:
    """What each parameter takes, as far as names and annotations say."""
    roles = {p.name: _role(p, kind) for p in parameters}
    for p in parameters:
        if roles[p.name] in _USERS_ROLES and not _is_id(p):
            roles[p.name] = ""
    required = {p.name for p in parameters if p.default is p.empty}
    if kind == "publish":
        # a socket with a default is one to leave out, or instead of a user
        roles.update({name: "" for name, role in roles.items() if role == "socket" and name not in required})
        if not _USERS_ROLES & set(roles.values()):  # a run, or a thread, is whom it is for
            runs = [name for name, role in roles.items() if role in ("run_id", "thread_id") and name in required]
            roles.update({name: "user" for name in runs[:1]})
        return roles
    exact = {p.name for p in parameters if plain(p.name) == key}
    several = sum(role == "socket" for role in roles.values()) > 1
    for name in roles:
        role, known = roles[name], plain(name)
        if name in exact:
            roles[name] = "user"
        elif place and known == place:
            roles[name] = "place"
        elif name in required and _PLACE.fullmatch(known) and (role in ("", "user") or (role == "socket" and several)):
            if exact or any(roles[other] == "user" and not _PLACE.fullmatch(plain(other)) for other in roles):
                roles[name] = "own place"
        elif exact and role == "user":
            if known in _CHOSEN:
                roles[name] = "chosen"
            elif name in required:  # who shares a room is told apart by what else is asked for
                roles[name] = "name" if known in _NAME and not _PLACE.fullmatch(key) else "id"
            else:
                roles[name] = ""
    return roles


_USERS_ROLES = {"user", "users", "user_set"}
_REPEATED = {"own place", "name", "id"}


def planned(
    method: Callable[..., Any], name: str, kind: str, where: str, key: str = "", place: str = "", guessed: bool = False
) -> Plan:
    """How `method` is called as `kind`: connect, disconnect or publish. Raises NotABroadcaster.

    `key` and `place` are those of publish. Of a method whose name was `guessed` all parameters must be clear.
    """
    usual = {"connect": ("user", "socket"), "disconnect": ("user", "socket"), "publish": ("user", "event")}[kind]
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return Plan(name, usual)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) and not any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters
    ):
        return Plan(name, usual)
    parameters = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    roles = _by_name(parameters, kind, key, place)
    taken: set[str] = set()

    def order(p: inspect.Parameter) -> tuple[bool, bool, bool]:
        return plain(p.name) != key, plain(p.name) not in _PLAIN, p.default is not p.empty

    # a role is taken once: by what publish calls so, by the plainest name, by required parameters, then by the first
    for p in sorted(parameters, key=order):
        role = roles[p.name]
        if role in taken and role not in _REPEATED:
            roles[p.name] = "chosen" if kind != "publish" and plain(p.name) in _CHOSEN else ""
        taken.add(roles[p.name])
    taken.discard("")
    if kind == "publish" and {"text", "event"} <= taken:  # send(user_id, event: str, payload: dict)
        roles.update({name: "type" for name, role in roles.items() if role == "text" and "type" not in taken})
    missing = [role for role in usual if role not in taken]
    if taken & {"users", "user_set"}:
        if "user" in missing:
            missing.remove("user")
        else:  # a list beside the user: of others, or to leave out
            roles.update({name: "" for name, role in roles.items() if role in ("users", "user_set")})
    if kind == "publish" and taken & {"text", "bytes"} and "event" in missing:
        missing.remove("event")
    if kind == "connect" and roles and "user" in missing:
        for p in parameters:
            if p.name == "client_id" or roles[p.name] == "chosen":
                roles[p.name] = "user"
                missing.remove("user")
                break
    known = hints(method)
    kinds: dict[str, Any] = {}
    if kind == "publish":
        made = _made(known, [p.name for p in parameters if roles[p.name] == "event"], where)
        if made is not None:
            kinds["event"] = made
            if "user" in missing and "user" in made.takes:
                missing.remove("user")
    unclear = []
    for p in parameters:
        if not roles[p.name] and p.default is p.empty:
            if kind == "publish" and "user" not in missing and not place and _PLACE.fullmatch(plain(p.name)):
                roles[p.name], place = "place", plain(p.name)
                continue
            wanted = missing[0] if missing else ""
            if wanted and (wanted != "user" or _may_be_a_user(p)) and (not guessed or wanted == "user"):
                missing.pop(0)
                roles[p.name] = _event_as(p) if wanted == "event" else wanted
            else:
                unclear.append(p.name)
    if kind == "publish" and len(unclear) == 1 and "type" not in roles.values() and not guessed:
        names = [p.name for p in parameters]
        event = next((n for n in names if roles[n] in ("event", "text", "bytes")), "")
        first = next(p for p in parameters if p.name == unclear[0])
        text = _is_id(first) or is_enum(known.get(first.name))
        if event and text and names.index(unclear[0]) < names.index(event):
            roles[unclear[0]] = "type"
            unclear = []
    shown = f"{where}({', '.join(p.name for p in parameters)})"
    own_key = not key or any(plain(p.name) == key for p in parameters)
    if kind == "connect" and "socket" not in roles.values() and (guessed or _returns_nothing_to_read(method)):
        raise NotABroadcaster(
            f"{shown} is given no connection, and returns none to read from. Wrap the "
            "broadcaster in a small class whose connect(user_id, websocket) connects and subscribes the user"
        )
    if kind == "connect" and (not {"user", "chosen"} & set(roles.values()) or (not own_key and key in _NOT_A_USER)):
        raise NotABroadcaster(
            f"{shown} is not told whose connection it is. Wrap the "
            "broadcaster in a small class whose connect(user_id, websocket) connects and logs the user in"
        )
    if kind == "publish" and missing == ["user"] and not unclear and "socket" not in roles.values():
        raise NotABroadcaster(
            f"{shown} takes no user: what is for everybody is nobody's own, and can't be another's. If it does find "
            f"out for whom an event is, {WRAP}"
        )
    if unclear or (kind == "publish" and ("socket" in roles.values() or {"user", "event"} & set(missing))):
        raise NotABroadcaster(
            f"{shown} is not understood: crosstalk can give "
            + {"connect": "a user id, a socket and a connection id", "disconnect": "a user id and a socket"}.get(
                kind, "a user id and an event (with its type, run id and thread id)"
            )
            + f". {WRAP.capitalize()}, or name other methods"
        )
    users = [p for p in parameters if roles[p.name] in _USERS_ROLES]
    clear = all(_says(p.name, _USER + _USERS) for p in users)
    for p in parameters:
        if roles[p.name] == "type" and is_enum(known.get(p.name)):
            kinds["type"] = known[p.name]
        elif roles[p.name] in ("place", "own place") and _identity(p):
            kinds[roles[p.name]] = _identity(p)
    return Plan(
        name,
        tuple(
            roles[p.name]
            for p in parameters
            if p.kind is not p.KEYWORD_ONLY and roles[p.name] and _given_in_turn(p, parameters, roles)
        ),
        tuple(
            (p.name, roles[p.name])
            for p in parameters
            if roles[p.name] and not (p.kind is not p.KEYWORD_ONLY and _given_in_turn(p, parameters, roles))
        ),
        next((_identity(p) for p in users), ""),
        next((plain(p.name) for p in users), ""),
        tuple(kinds.items()),
        place if "place" in roles.values() else "",
        f"{name}({', '.join(f'{p}={_SHOWN.get(role, role)}' for p, role in roles.items() if role)})",
        clear,
    )


_SHOWN = {
    "user": "the user's id",
    "own place": "the user's id",
    "name": "the user's id",
    "id": "an id of the connection",
    "chosen": "an id of the connection",
    "socket": "the connection",
    "event": "the event",
    "text": "the event as text",
    "bytes": "the event as bytes",
    "type": "its type",
    "place": "'1'",
}


ONE_CONNECTION = ("connection_id", "conn_id", "connid", "cid", "sid", "socket_id", "handle")
_NOT_A_USER = {*_ID, "run_id", "run", "thread_id", "thread"}
"""What publish may address that is nobody's name: then connect must take it too."""


def _returns_nothing_to_read(method: Callable[..., Any]) -> bool:
    note = getattr(method, "__annotations__", {}).get("return", "")
    return note in (None, bool, str, int) or note in ("None", "bool", "str", "int")


def _may_be_a_user(parameter: inspect.Parameter) -> bool:
    """Whether a user's id can be what a parameter takes of which the name says nothing."""
    return plain(parameter.name) not in _TYPE[:-2] and _is_id(parameter)


def _is_id(parameter: inspect.Parameter) -> bool:
    """Whether the annotation allows for an id, or several: no object of the broadcaster's own."""
    note = parameter.annotation
    if note is parameter.empty:
        return True
    text = note.__name__ if isinstance(note, type) and not hasattr(note, "__origin__") else str(note)
    words = re.findall(r"\w+", text)
    return all(word.islower() or word in _ID_TYPES or word.endswith(("Id", "ID", "Name")) for word in words)


_ID_TYPES = frozenset(
    "UUID UUID4 Any Hashable Optional Union None NoneType Annotated List Set Tuple FrozenSet Sequence Iterable "  # noqa: SIM905
    "Collection AbstractSet MutableSequence MutableSet".split()
)


def _identity(parameter: inspect.Parameter) -> str:
    note = str(parameter.annotation)
    return "" if re.search(r"\bstr\b", note) else next(iter(re.findall(r"\b(int|UUID)\b", note)), "")


def _made(known: dict[str, Any], events: list[str], where: str) -> Made | None:
    """How an event is made that is to be an object of a class of the broadcaster's own. Raises NotABroadcaster."""
    for name in events:
        kind: Any = known.get(name)
        if is_event_class(kind):
            try:
                return Made(kind, lambda field: _role(field, "publish"))
            except ValueError as error:
                raise NotABroadcaster(
                    f"{where} takes a {kind.__name__}, and crosstalk publishes dicts: what its field {error} is can't "
                    f"be told. {WRAP.capitalize()} and makes one from the event"
                ) from error
    return None


def _given_in_turn(p: inspect.Parameter, parameters: list[inspect.Parameter], roles: dict[str, str]) -> bool:
    """Whether every positional parameter before `p` is given too, so that `p` can go by position."""
    for other in parameters:
        if other is p:
            return p.kind is not p.KEYWORD_ONLY
        if other.kind is not other.KEYWORD_ONLY and not roles[other.name]:
            return False
    return False
