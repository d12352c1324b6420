"""How a frame of a system we don't own is read: JSON Pointers (RFC 6901) to its type, owner, run, thread and so on.

Each part has a list of pointers, of which the first that leads to a text or a number counts. The pointers are
compiled once into msgspec structs that decode only what they name; a frame that doesn't fit those (an array of events,
lines of JSON, a text where an object was expected) is walked as it is, also into a text that is JSON itself. Canaries
need no pointer: they are found anywhere in the bytes. Of a Socket.IO event, `42["name",{...}]`, the array is read, and
of a STOMP frame its body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import attrgetter
from typing import Any

import msgspec

from crosstalk.model.canary import TOKEN
from crosstalk.model.live_history import PATIENCE

PARTS = ("type", "owner", "run", "thread", "sequence", "text")
SOCKET_IO = re.compile(rb"42(?:/[^,\[]*,)?\d*(?=\[)|4?0(?:/[^,{]*,)?(?=\{)")
"""What stands before the JSON of a Socket.IO event (Engine.IO message, event, namespace, number of the answer) or
handshake."""
_BEFORE = re.compile(SOCKET_IO.pattern + rb"|(?P<stomp>[A-Z]+\r?\n(?:[^\r\n]+\r?\n)*\r?\n)")
"""The same, or the command and headers of a STOMP frame."""
LONGEST_NUMBER = 20
ENDS = b"\x1e\0"
"""What ends a message, so that there may be several in a frame: of SignalR, of STOMP."""
_END = re.compile(rb"[" + ENDS + rb"]")
_UNDER = ("", "/payload", "/data")
_LOWER_TOKEN = re.compile(TOKEN.pattern)  # many times faster than without regard to case


class Pointers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to look; the defaults suit flat events, and events under `payload` or `data`.

    `text` leads to what is streamed in pieces, in which a canary may be cut.
    """

    type: tuple[str, ...] = ("/type", "/event", "/event_type", "/payload/type", "/data/type")
    owner: tuple[str, ...] = tuple(f"{under}/user_id" for under in _UNDER)
    run: tuple[str, ...] = tuple(f"{under}/run_id" for under in _UNDER)
    thread: tuple[str, ...] = tuple(f"{under}/thread_id" for under in _UNDER)
    sequence: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in PARTS:
            for pointer in getattr(self, part):
                if not pointer.startswith("/"):
                    raise ValueError(f"{pointer!r} is no JSON Pointer: it begins with a slash, as in /payload/user_id")

    def without(self, other: Pointers) -> Pointers:
        """The parts of which `other` says something else."""
        mine = msgspec.structs.asdict(self).items()
        return Pointers(**{part: () if pointers == getattr(other, part) else pointers for part, pointers in mine})


def declared(items: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """PART=POINTER, as typed, by part. Raises ValueError with one sentence."""
    found: dict[str, tuple[str, ...]] = {}
    for item in items:
        part, equals, pointer = item.partition("=")
        if not equals or part not in PARTS:
            raise ValueError(f"{item!r}: give PART=POINTER with one of {', '.join(PARTS)}")
        found[part] = (*found.get(part, ()), pointer)
    return found


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What one event says of itself; None where it says nothing. `text` is its piece of what is streamed."""

    type: str | None
    owner: str | None
    run: str | None
    thread: str | None
    sequence: int | None
    text: str | None = None


Read = Callable[[bytes], list[Reading] | None]


def legal(text: str) -> str:
    """`text` without half characters (lone surrogates): JSON can hold such, and nothing can be written with them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def canaries(data: bytes) -> list[bytes]:
    """The canary tokens in `data`, in lower case, each once, in their order."""
    found: list[bytes] = _LOWER_TOKEN.findall(data.lower())
    return found if len(found) < 2 else list(dict.fromkeys(found))


def split(data: bytes) -> list[bytes]:
    """The events of a frame that holds several: an array of them, or ended each by a mark or by its line."""
    try:
        return [bytes(piece) for piece in msgspec.json.decode(data, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, RecursionError):
        marked = [piece for piece in _END.split(data) if piece.strip()]
        return marked if len(marked) > 1 else [line for line in data.splitlines() if line.strip()]


def named(data: str, **more: str) -> bytes:
    """An event that has its name beside its `data`, as a frame: the object that it holds, with `more` at its front.

    What stands in the object itself goes before that. Data that is no object stands under `data`, or by itself.
    """
    front = {key: legal(value) for key, value in more.items() if value}
    data = legal(data)
    if not front:
        return data.encode()
    inner = data.strip()
    if inner.startswith("["):
        with suppress(msgspec.DecodeError):
            return msgspec.json.encode({**front, "data": msgspec.json.decode(inner, type=msgspec.Raw)})
    if not inner.startswith("{"):
        return msgspec.json.encode({**front, "data": data})
    rest = inner[1:].lstrip()
    comma = b"" if rest.startswith("}") else b","
    return msgspec.json.encode(front)[:-1] + comma + rest.encode()


def reader(pointers: Pointers) -> Read:
    """A function that reads a frame: a list of readings, usually of one; None for what is no JSON object."""
    ways = [[_tokens(pointer) for pointer in getattr(pointers, part)] for part in PARTS]
    tree: dict[str, Any] = {}
    compiled = all([_grown(tree, way) for part in ways for way in part])
    # the structs know their fields by position, since a key need not be a Python name
    decode = msgspec.json.Decoder(_struct(tree, "Frame")).decode if compiled and tree else None
    steps = [[_steps(tree, way) for way in part] for part in ways] if decode is not None else []
    flat = _flat(steps)

    def read(data: bytes) -> list[Reading] | None:
        if decode is not None and data[:1] == b"{":
            try:
                event = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return _walked(data, ways)
            if flat is not None:
                kind, owner, run, thread = flat(event)
                if type(kind) is type(owner) is type(run) is type(thread) is str:
                    return [Reading(kind, owner, run, thread, None)]
            return [_found(event, steps)]
        return _walked(data, ways)

    return read


def _tokens(pointer: str) -> tuple[str, ...]:
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def _grown(tree: dict[str, Any], way: tuple[str, ...]) -> bool:
    """Add `way` to the tree of keys; False where one pointer leads through what another one takes for a value."""
    for token in way[:-1]:
        below = tree.setdefault(token, {})
        if below is None:
            return False
        tree = below
    return tree.setdefault(way[-1], None) is None


def _struct(tree: dict[str, Any], name: str) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = []
    rename = {}
    for number, (key, below) in enumerate(tree.items()):
        kind: Any = Any
        if isinstance(below, dict):
            kind = _struct(below, f"{name}_{number}") | int | float | bool | None
        fields.append((f"f{number}", kind, None))
        rename[f"f{number}"] = key
    return msgspec.defstruct(name, fields, rename=rename, gc=False)


def _steps(tree: dict[str, Any], way: tuple[str, ...]) -> tuple[str, ...]:
    steps = []
    for token in way:
        steps.append(f"f{list(tree).index(token)}")
        tree = tree[token] or {}
    return tuple(steps)


def _flat(steps: list[list[tuple[str, ...]]]) -> Callable[[Any], tuple[Any, ...]] | None:
    """Where the first pointer of each part is a mere key and neither sequence nor text is asked for: those four."""
    *four, sequence, text = steps or [[], []]
    firsts = [part[0] for part in four if part and len(part[0]) == 1]
    return attrgetter(*(way[0] for way in firsts)) if len(firsts) == 4 and not (sequence or text) else None


def _found(event: Any, steps: list[list[tuple[str, ...]]]) -> Reading:
    values: list[Any] = []
    for part in steps:
        for way in part:
            value = event
            for name in way:
                value = getattr(value, name, None)
            if value is not None and (type(value) is str or type(value) is int):
                values.append(value)
                break
        else:
            values.append(None)
    return _reading(values)


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(data)  # takes NaN and Infinity, which are no JSON, and which servers in Python send


def _walked(data: bytes, ways: list[list[tuple[str, ...]]]) -> list[Reading] | None:
    whole = _bare(data)
    if whole is None:
        whole = [_bare(piece) for piece in split(data)]
        if len(whole) < 2 or not all(isinstance(event, dict) for event in whole):
            return None
    if isinstance(whole, list) and whole and all(isinstance(event, dict) for event in whole):
        return [_reading(_values(event, ways)) for event in whole]
    if isinstance(whole, dict | list):
        return [_reading(_values(whole, ways))]
    return None


def _bare(data: bytes) -> Any:
    """The JSON of a frame without what stands around it, be it a text that holds JSON; None for what holds none."""
    data = data.lstrip()
    before = _BEFORE.match(data)
    body = data[before.end() if before is not None else 0 :].rstrip(ENDS)
    if not body and before is not None and before["stomp"]:
        return {}
    try:
        whole = _decoded(body)
        return _decoded(whole.encode()) if isinstance(whole, str) else whole
    except (ValueError, RecursionError):
        return None


def _values(event: Any, ways: Iterable[list[tuple[str, ...]]]) -> list[Any]:
    values: list[Any] = []
    for part in ways:
        for way in part:
            value = event
            for token in way:
                if isinstance(value, str) and value.startswith(("{", "[")):
                    value = _bare(legal(value).encode())
                if isinstance(value, dict):
                    value = value.get(token)
                elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
                    value = value[int(token)]
                else:
                    value = None
            if type(value) is str or type(value) is int:
                values.append(value)
                break
        else:
            values.append(None)
    return values


def _reading(values: list[Any]) -> Reading:
    kind, owner, run, thread, sequence, text = values
    if sequence is not None and type(sequence) is not int:
        sequence = int(sequence) if sequence.isdecimal() and len(sequence) < LONGEST_NUMBER else None
    return Reading(_text(kind), _text(owner), _text(run), _text(thread), sequence, _text(text))


def _text(value: str | int | None) -> str | None:
    return None if value is None else legal(value if type(value) is str else str(value))


_DECLINES = re.compile(
    rf"({PATIENCE.pattern}|busy|overloaded|rejected|declined)|\"error\w*\"\s*:\s*[\"{{]", re.IGNORECASE
)
"""Words by which a server says that it will not do what it is asked for."""
_DECLINES_ARE_SHORT = 2_000


def says_no(kind: str, data: bytes) -> str:
    """The word by which an event of that type, `data`, says that what was asked for will not be done; "" for none."""
    if len(data) > _DECLINES_ARE_SHORT:
        return ""
    said = _DECLINES.search(data.decode("utf-8", "replace"))
    return ((said and said[1]) or kind or "error") if said is not None or "error" in kind.lower() else ""
