"""An event of the broadcaster's own class (a dataclass, a pydantic model, a msgspec Struct, …), made from one of ours.

A field is filled by what it is named: the whole event goes where a dict is wanted, or its JSON where text is; the type,
the user's id and the ids of run and thread beside it; the moment where it is dated. A type that is an Enum becomes the
member of that value, or the first one. What has a default keeps it; other text is empty, other numbers are 0.
"""

from __future__ import annotations

import enum
import inspect
import json
import time
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

_DECLARED = ("__dataclass_fields__", "__pydantic_fields__", "__struct_fields__", "__attrs_attrs__", "_fields")
_DATED = ("timestamp", "ts", "time", "created_at", "sent_at", "at", "created", "datetime", "date")
_SIMPLE: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: False}

Role = Callable[[inspect.Parameter], str]


def is_event_class(kind: Any) -> bool:
    """Whether `kind` is a class that declares its fields."""
    return inspect.isclass(kind) and any(hasattr(kind, declared) for declared in _DECLARED)


def hints(thing: Any) -> dict[str, Any]:
    """The annotations of a function or class, as far as they can be found out."""
    try:
        return typing.get_type_hints(thing)
    except Exception:  # names that exist for type checkers only
        return {}


class Made:
    """How events of `kind` are made; `role` says what a parameter takes. Raises ValueError where that is not clear.

    `takes` are the roles of its fields: "event", "user", "type", "run_id", …
    """

    def __init__(self, kind: type, role: Role) -> None:
        self.kind = kind
        known = hints(kind)
        self.fields: dict[str, tuple[str, Any]] = {}
        left: list[inspect.Parameter] = []
        for field in inspect.signature(kind).parameters.values():
            if field.kind in (field.VAR_POSITIONAL, field.VAR_KEYWORD):
                continue
            note = known.get(field.name, field.annotation)
            what = "moment" if field.name in _DATED else role(field.replace(annotation=note))
            if what == "event" and not _takes_dict(note):
                what = "type" if is_enum(note) else ""
            if what and what not in self.takes:
                self.fields[field.name] = what, note
            elif field.default is field.empty:
                left.append(field)
        for field in left:
            note = known.get(field.name, field.annotation)
            if typing.get_origin(note) is dict or note is dict:
                self.fields[field.name] = ("simple", {}) if "event" in self.takes else ("event", note)
            elif type(None) in typing.get_args(note):
                self.fields[field.name] = "simple", None
            elif isinstance(note, type) and note in _SIMPLE:
                self.fields[field.name] = "simple", _SIMPLE[note]
            else:
                raise ValueError(field.name)
        if not {"event", "text"} & self.takes:
            raise ValueError(kind.__name__)
        try:  # once, to find out whether it can be made so
            self("1", {"event": {"type": "type"}, "type": "type", "run_id": "run", "thread_id": "thread"})
        except Exception as error:
            raise ValueError(str(error)) from error

    @property
    def takes(self) -> frozenset[str]:
        return frozenset(what for what, _ in self.fields.values() if what not in ("simple", "moment"))

    def __call__(self, user: Any, given: Mapping[str, Any]) -> Any:
        values: dict[str, Any] = {}
        for name, (what, note) in self.fields.items():
            if what == "simple":
                values[name] = note
            elif what == "moment":
                values[name] = _moment(note)
            elif what == "user":
                values[name] = user
            elif what == "text":
                event = given["event"]
                values[name] = event if isinstance(event, str) else json.dumps(event)
            elif what == "type":
                values[name] = as_member(note, given["type"])
            else:
                values[name] = given[what]
        return self.kind(**values)


def is_enum(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, enum.Enum)


def as_member(kind: Any, value: str) -> Any:
    """`value` as a member of `kind`, where that is an Enum."""
    if not is_enum(kind):
        return value
    members = list(kind)
    return next((member for member in members if value in (member.value, member.name)), members[0])


def _takes_dict(note: Any) -> bool:
    text = note if isinstance(note, str) else str(note)
    return note is inspect.Parameter.empty or any(word in text for word in ("dict", "Dict", "Mapping", "Any", "object"))


def _moment(note: Any) -> Any:
    text = str(note)
    if "datetime" in text:
        return datetime.now(UTC)
    return datetime.now(UTC).isoformat() if "str" in text else int(time.time()) if note is int else time.time()
