"""A Python object as target: finds its connect, disconnect and publish methods and how each is called.

Methods are found by their common names, or by names given. A parameter's name (or a WebSocket, str or bytes
annotation) says what it takes; parameters whose names say nothing take what is still missing, in the usual order.
Understood are: the user's id (or a list of such), the connection's socket, a connection id of the caller's choice, the
event, its type, run id and thread id. A connect that takes no socket returns what is read from: a queue or an async
iterator; a connect that returns an id or handle gives it back to disconnect where that asks for one. Where there is no
disconnect, an async iterator is left by closing it, and an async context manager by leaving its block.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import typing
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec

from crosstalk.targets.leaving import left_by_itself
from crosstalk.targets.reading import Read

CONNECT = (
    "connect",
    "connect_user",
    "add_connection",
    "register_connection",
    "register",
    "register_client",
    "add",
    "add_client",
    "add_socket",
    "add_user",
    "subscribe",
    "attach",
    "join",
    "open",
    "on_connect",
    "connection",
    "subscription",
    "session",
)
DISCONNECT = (
    "disconnect",
    "disconnect_user",
    "remove_connection",
    "unregister_connection",
    "deregister_connection",
    "unregister",
    "deregister",
    "unregister_client",
    "remove",
    "remove_client",
    "remove_socket",
    "remove_user",
    "unsubscribe",
    "detach",
    "leave",
    "close",
    "drop",
    "on_disconnect",
)
PUBLISH = (
    "broadcast_to_user",
    "send_to_user",
    "send_personal_message",
    "emit_to_user",
    "publish_to_user",
    "push_to_user",
    "notify_user",
    "message_user",
    "deliver_to_user",
    "send_user_event",
    "send_user_message",
    "emit_user_event",
    "send_event",
    "emit_event",
    "publish_event",
    "send_message",
    "publish",
    "emit",
    "notify",
    "deliver",
    "push",
    "dispatch",
    "broadcast",
    "send",
    "send_json",
)
START = ("start", "startup", "on_startup")
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
_EVENT = ("event", "message", "msg", "payload", "data", "body", "content", "envelope", "item", "frame", "update")
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


class NotABroadcaster(Exception):
    """The object lacks a usable connect, disconnect or publish method; the message says which was looked for."""


class Plan(msgspec.Struct, frozen=True):
    """How one method is called: its name, and what each argument is, positional first, keyword ones by name."""

    name: str
    positional: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...] = ()
    identity: str = ""  # what a user's id is annotated as, where that is no text: "int" or "UUID"

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((*self.positional, *(what for _, what in self.keywords)))


def _says(name: str, words: tuple[str, ...]) -> bool:
    plain = name.lower().strip("_")
    return plain in words or any(plain.endswith("_" + word) for word in words if len(word) > 3)


def _annotated(parameter: inspect.Parameter) -> str:
    note = parameter.annotation
    return "" if note is parameter.empty else note if isinstance(note, str) else getattr(note, "__name__", str(note))


def _is_socket(note: str) -> bool:
    return "WebSocket" in note and not note.rstrip("]\"' ").endswith(("Message", "Event", "Payload", "Data"))


def _role(parameter: inspect.Parameter, kind: str) -> str:
    """What the parameter's name or annotation says it takes; "" when they say nothing."""
    name, note = parameter.name, _annotated(parameter)
    plain = name.lower().strip("_")
    if kind != "publish":
        if _is_socket(note) or "Queue" in note or plain in ("queue", "q", "subscription", "subscriber", "stream"):
            return "socket"
        if plain in _ID:
            return "id"
        if plain in _CHOSEN and plain != "client_id":
            return "chosen"
        if _says(name, _USER):
            return "user"
        return "socket" if _says(name, _SOCKET) else ""
    if plain in ("run_id", "run", "thread_id", "thread"):
        return "run_id" if plain.startswith("run") else "thread_id"
    if plain in ("user", "user_id", "uid"):
        return "user"
    if plain in _TYPE[:-2]:
        return "type"
    if plain in _USERS:
        return "user_set" if "set" in note.lower() else "users"
    if _is_socket(note) or plain in ("websocket", "ws", "socket"):
        return "socket"
    if _says(name, _EVENT):
        return "text" if note == "str" else "bytes" if note == "bytes" else "event"
    return "user" if _says(name, _USER) else ""


def _plan(method: Callable[..., Any], name: str, kind: str, where: str) -> Plan:
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
    roles = {p.name: _role(p, kind) for p in parameters}
    taken: set[str] = set()
    # a role is taken once: by the plainest name, then by required parameters, then by the first
    for p in sorted(parameters, key=lambda p: (p.name.lower().strip("_") not in _PLAIN, p.default is not p.empty)):
        role = roles[p.name]
        if role in taken:
            roles[p.name] = "chosen" if kind != "publish" and p.name.lower().strip("_") in _CHOSEN else ""
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
    if kind == "publish":
        _refuse_objects(method, [p.name for p in parameters if roles[p.name] == "event"], where)
    unclear = []
    for p in parameters:
        if not roles[p.name] and p.default is p.empty:
            if missing:
                roles[p.name] = missing.pop(0)
            else:
                unclear.append(p.name)
    if kind == "publish" and len(unclear) == 1 and "type" not in roles.values():
        order = [p.name for p in parameters]
        event = next((n for n in order if roles[n] in ("event", "text", "bytes")), "")
        if event and order.index(unclear[0]) < order.index(event):
            roles[unclear[0]] = "type"
            unclear = []
    if kind == "connect" and not {"user", "chosen"} & set(roles.values()):
        raise NotABroadcaster(
            f"{where}({', '.join(p.name for p in parameters)}) is not told whose connection it is. Wrap the "
            "broadcaster in a small class whose connect(user_id, websocket) connects and logs the user in"
        )
    if unclear or (kind == "publish" and ("socket" in roles.values() or {"user", "event"} & set(missing))):
        raise NotABroadcaster(
            f"{where}({', '.join(p.name for p in parameters)}) is not understood: crosstalk can give "
            + {"connect": "a user id, a socket and a connection id", "disconnect": "a user id and a socket"}.get(
                kind, "a user id and an event (with its type, run id and thread id)"
            )
            + ". Wrap the broadcaster in a small class that has connect(user_id, websocket), "
            "disconnect(user_id, websocket) and publish(user_id, event), or name other methods"
        )
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
        next((_identity(p) for p in parameters if roles[p.name] in ("user", "users", "user_set")), ""),
    )


def _identity(parameter: inspect.Parameter) -> str:
    note = str(parameter.annotation)
    return "" if re.search(r"\bstr\b", note) else next(iter(re.findall(r"\b(int|UUID)\b", note)), "")


def _refuse_objects(method: Callable[..., Any], events: list[str], where: str) -> None:
    """Raises NotABroadcaster where an event is to be an object of a class of the broadcaster's own."""
    try:
        hints = typing.get_type_hints(method)
    except Exception:  # names that exist for type checkers only
        return
    for name in events:
        kind = hints.get(name)
        fields = ("__dataclass_fields__", "__pydantic_fields__", "__struct_fields__", "__attrs_attrs__")
        if any(hasattr(kind, field) for field in fields):
            raise NotABroadcaster(
                f"{where} takes a {kind.__name__}, and crosstalk publishes dicts. "  # type: ignore[union-attr]
                "Wrap the broadcaster in a small class that has connect(user_id, websocket), "
                "disconnect(user_id, websocket) and publish(user_id, event) and makes one from the event"
            )


def _given_in_turn(p: inspect.Parameter, parameters: list[inspect.Parameter], roles: dict[str, str]) -> bool:
    """Whether every positional parameter before `p` is given too, so that `p` can go by position."""
    for other in parameters:
        if other is p:
            return p.kind is not p.KEYWORD_ONLY
        if other.kind is not other.KEYWORD_ONLY and not roles[other.name]:
            return False
    return False


class Adapter:
    """How to call one kind of broadcaster, found out once from a sample; `bind` then serves each run's fresh one.

    Raises NotABroadcaster. `form` is how an event is given: "dict", "text" or "bytes".
    """

    def __init__(self, sample: object, names: Mapping[str, str] | None = None, form: str = "dict") -> None:
        given = names or {}
        self.connect = _find(sample, given.get("connect"), CONNECT, "connect", "connect a user")
        self.disconnect = _leaving(sample, self.connect, given.get("disconnect")) or _find(
            sample, given.get("disconnect"), DISCONNECT, "disconnect", "disconnect a user"
        )
        self.publish = _find(sample, given.get("publish"), PUBLISH, "publish", "send an event to a user")
        self.identity = self.connect.identity or self.publish.identity
        self.form = next((form_ for form_ in ("text", "bytes") if form_ in self.publish.takes), form)
        self.reads = "socket" not in self.connect.takes
        self.single = self.disconnect is not LEAVING and not self.disconnect.takes & {"socket", "id", "chosen"}
        self.replaces = False
        self.startable = next((name for name in START if _needs_nothing(getattr(sample, name, None))), "")
        self.start = ""  # the method that each run's broadcaster is started by, where it sends nothing without
        self.chosen = "chosen" in self.connect.takes | self.disconnect.takes
        self.read: Read | None = None  # what frames say beside their canary, where that is declared
        self.answers = False  # it makes the events itself: what it is given starts a run of them
        self.ending: Callable[[Any], Coroutine[Any, Any, None]] | None = None  # called with the world of a run

    def bind(self, broadcaster: object) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """connect, disconnect and publish of `broadcaster`, each called with (user id, dict of what can be given)."""
        connect = _caller(getattr(broadcaster, self.connect.name), self.connect)
        publish = _caller(getattr(broadcaster, self.publish.name), self.publish)
        if self.disconnect is LEAVING:
            connect, disconnect = left_by_itself(connect, "socket" in self.connect.takes)
        else:
            disconnect = _caller(getattr(broadcaster, self.disconnect.name), self.disconnect)
        return tuple(self._named(call) for call in (connect, disconnect, publish))  # type: ignore[return-value]

    def names(self, users: tuple[str, ...]) -> tuple[str, ...]:
        """What the users are called on this broadcaster: their ids are numbers, or UUIDs, where it says so."""
        if self.identity == "int":
            return tuple(str(number + 1) for number in range(len(users)))
        return tuple(str(uuid.uuid5(uuid.NAMESPACE_OID, user)) for user in users) if self.identity else users

    def _named(self, call: Callable[..., Any]) -> Callable[..., Any]:
        if not self.identity:
            return call
        return lambda user, given: call(_as(self.identity, user), given)


def _as(identity: str, user: str) -> int | uuid.UUID:
    """The number, or UUID, that is written `user`; for any other name one of its own."""
    own = uuid.uuid5(uuid.NAMESPACE_OID, user)
    if identity == "int":
        return int(user) if user.isdecimal() and str(int(user)) == user else own.int
    try:
        return uuid.UUID(user)
    except ValueError:
        return own


def _find(sample: object, given: str | None, common: tuple[str, ...], kind: str, role: str) -> Plan:
    names = (given,) if given else common
    refused = None
    for name in names:
        method = getattr(sample, name, None)
        if callable(method):
            try:
                return _plan(method, name, kind, f"{type(sample).__name__}.{name}")
            except NotABroadcaster as error:
                refused = refused or error
    if refused is not None:
        raise refused
    raise NotABroadcaster(
        f"{type(sample).__name__} has no method to {role}: looked for {', '.join(names)}. "
        "Give an object with one of these names, name its own, or wrap it in a small class that has connect, "
        "disconnect and publish"
    )


def _needs_nothing(method: Any) -> bool:
    try:
        inspect.signature(method).bind()
    except (TypeError, ValueError):
        return False
    return callable(method)


LEAVING = Plan("", ())


def _leaving(sample: object, connect: Plan, given: str | None) -> Plan | None:
    """LEAVING, where no method disconnects a user and what `connect` returns is left by itself."""
    if given or any(callable(getattr(sample, name, None)) for name in DISCONNECT):
        return None
    method = inspect.unwrap(getattr(sample, connect.name))
    note = str(getattr(method, "__annotations__", {}).get("return", ""))
    if inspect.isasyncgenfunction(method) or re.search(r"Async(Itera|Gener|Context)", note):
        return LEAVING
    if connect.positional != ("user",) or connect.keywords or inspect.iscoroutinefunction(method):
        return None
    with contextlib.suppress(Exception):  # the sample is for finding out
        return LEAVING if inspect.isasyncgen(getattr(sample, connect.name)("1")) else None
    return None


def _caller(method: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    positional, keywords = plan.positional, plan.keywords
    if not keywords and len(positional) == 2:
        # the two usual orders, without building lists
        first, second = positional
        if first == "user":
            return lambda user, given: method(user, given[second])
        if second == "user":
            return lambda user, given: method(given[first], user)

    def call(user: str, given: dict[str, Any]) -> Any:
        who = {"user": user, "users": [user], "user_set": {user}}
        arguments = [who[what] if what in who else given[what] for what in positional]
        return method(*arguments, **{name: who[what] if what in who else given[what] for name, what in keywords})

    return call
