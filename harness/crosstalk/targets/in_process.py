"""A Python object as target: finds its connect, disconnect and publish methods; `plan` tells how each is called.

Methods are found by names given, by their common names, or else by names that begin as such names do. A connect that
takes no socket returns what is read from: a queue or an async iterator; a connect that returns an id or handle gives it
back to disconnect where that asks for one. Where there is no disconnect, an async iterator is left by closing it, an
async context manager by leaving its block, and a callable that connect returned by calling it.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from crosstalk.targets.event_objects import as_member
from crosstalk.targets.leaving import left_by_itself
from crosstalk.targets.plan import ONE_CONNECTION, WRAP, NotABroadcaster, Plan, planned
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
_LIKE = {
    "connect": re.compile("(connect|register|subscribe|add|attach|join|accept)_"),
    "disconnect": re.compile("(disconnect|unregister|deregister|unsubscribe|remove|detach|leave|drop)_"),
    "publish": re.compile("(send|emit|publish|push|notify|deliver|dispatch|broadcast)_"),
}
"""How other names for the three begin; what they ask for has to be clear."""


class Adapter:
    """How to call one kind of broadcaster, found out once from a sample; `bind` then serves each run's fresh one.

    Raises NotABroadcaster. `form` is how an event is given: "dict", "text" or "bytes".
    """

    def __init__(self, sample: object, names: Mapping[str, str] | None = None, form: str = "dict") -> None:
        given = names or {}
        self.publish, self.connect = _found(sample, given)
        key, place = self.publish.key, self.publish.place
        self.disconnect = _leaving(sample, self.connect, given.get("disconnect")) or next(
            _plans(sample, given.get("disconnect"), DISCONNECT, "disconnect", "disconnect a user", key, place)
        )
        self.identity = self.connect.identity or self.publish.identity
        self.form = next((form_ for form_ in ("text", "bytes") if form_ in self.publish.takes), form)
        self.reads = "socket" not in self.connect.takes
        self.single = self.disconnect is not LEAVING and not self.disconnect.takes & {"socket", "id", "chosen"}
        self.replaces = False
        self.refuses = True  # a connect that returns False has refused
        self.once = self.publish.key in ONE_CONNECTION  # who is addressed is a connection, and none comes back
        self.startable = next((name for name in START if _needs_nothing(getattr(sample, name, None))), "")
        self.start = ""  # the method that each run's broadcaster is started by, where it sends nothing without
        self.numbers = "id" in self.disconnect.takes - self.connect.takes  # it gives connections their ids itself
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


def _found(sample: object, given: Mapping[str, str]) -> tuple[Plan, Plan]:
    """The first publish that finds whom a connect has connected, and that connect."""
    refused = None
    try:
        for publish in _plans(sample, given.get("publish"), PUBLISH, "publish", "send an event to a user"):
            try:
                connect = _connect(sample, given, publish.key, publish.place)
                if publish.key == connect.key or publish.name in (*PUBLISH, given.get("publish")) or publish.clear:
                    return publish, connect
                raise NotABroadcaster(
                    f"{type(sample).__name__}.{publish.name} is for a {publish.key}, and {connect.name} takes none. "
                    f"{WRAP.capitalize()}, or name another method"
                )
            except NotABroadcaster as error:
                refused = refused or error
    except NotABroadcaster:
        if not any(callable(getattr(sample, name, None)) for name in (given.get("connect", ""), *CONNECT)):
            _connect(sample, given)  # what is missing first is told first
        raise
    assert refused is not None
    raise refused


def _connect(sample: object, given: Mapping[str, str], key: str = "", place: str = "") -> Plan:
    return next(_plans(sample, given.get("connect"), CONNECT, "connect", "connect a user", key, place))


def _plans(
    sample: object, given: str | None, common: tuple[str, ...], kind: str, role: str, key: str = "", place: str = ""
) -> Iterator[Plan]:
    """How each method that may be meant is called, the likeliest first; NotABroadcaster where there is none at all."""
    refused = None
    any_yet = False
    guesses = () if given else _guesses(sample, kind, common)
    for name in (given,) if given else (*common, *guesses):
        method = getattr(sample, name, None)
        if callable(method):
            try:
                where = f"{type(sample).__name__}.{name}"
                plan = planned(method, name, kind, where, key, place, guessed=name in guesses)
            except NotABroadcaster as error:
                refused = refused or (None if name in guesses else error)
            else:
                any_yet = True
                yield plan
    if refused is not None and not any_yet:
        raise refused
    if not any_yet:
        raise NotABroadcaster(
            f"{type(sample).__name__} has no method to {role}: looked for {given or ', '.join(common)}. "
            "Give an object with one of these names, name its own, or wrap it in a small class that has connect, "
            "disconnect and publish"
        )


def _guesses(sample: object, kind: str, common: tuple[str, ...]) -> tuple[str, ...]:
    """Other methods that are named like what is looked for, in their order, those to somebody first."""
    named = dict.fromkeys(name for cls in type(sample).__mro__ for name in vars(cls) if _LIKE[kind].match(name))
    return tuple(sorted((name for name in named if name not in common), key=lambda name: "_to" not in name))


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
    if inspect.isasyncgenfunction(method) or re.search(r"Async(Itera|Gener|Context)|Callable", note):
        return LEAVING
    if connect.positional != ("user",) or connect.keywords or inspect.iscoroutinefunction(method):
        return None
    with contextlib.suppress(Exception):  # the sample is for finding out
        return LEAVING if inspect.isasyncgen(getattr(sample, connect.name)("1")) else None
    return None


def _caller(method: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    positional, keywords = plan.positional, plan.keywords
    kinds = dict(plan.kinds)
    if not keywords and not kinds and len(positional) == 2:
        # the two usual orders, without building lists
        first, second = positional
        if first == "user" and second in _GIVEN:
            return lambda user, given: method(user, given[second])
        if second == "user" and first in _GIVEN:
            return lambda user, given: method(given[first], user)

    def call(user: str, given: dict[str, Any]) -> Any:
        who: dict[str, Any] = {"user": user, "users": [user], "user_set": {user}, "place": "1"}
        who["name"] = who["own place"] = str(user)
        for what, made in kinds.items():
            if what == "event":
                who[what] = made(user, given)
            else:
                who[what] = as_member(made, given[what]) if what == "type" else _as(made, who[what])
        arguments = [who[what] if what in who else given[what] for what in positional]
        return method(*arguments, **{name: who[what] if what in who else given[what] for name, what in keywords})

    return call


_GIVEN = frozenset(("socket", "id", "chosen", "event", "text", "bytes", "type", "run_id", "thread_id"))
