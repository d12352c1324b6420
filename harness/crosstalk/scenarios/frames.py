"""What each frame that was sent says: which events it carries or quotes, and what became of them on their way.

A frame is known by its payload and read once. Most are an event just as it was published: those are told by comparing,
before anything is encoded. In all others tokens are looked for in the bytes, wherever they stand.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from crosstalk.model import canary
from crosstalk.model.history import Frame, History
from crosstalk.targets.reading import Read, Reading


class Frames:
    """The frames of one run, by number into the history's. `events[c]` is content c as it was published.

    `read` says what frames say of themselves where the user has declared it, which goes before what is found. Where the
    system makes the events, `runs` has the content that each run id was told with, and `payloads` each frame's bytes.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.read: Read | None = None
        self.runs: dict[str, int] = {}
        self.payloads: list[bytes] = []
        self.tokens: dict[str, int] = {}
        self.events: list[dict[str, Any]] = []
        self._plain: list[int] = []
        self._numbers: dict[bytes, int] = {}

    def published(self, token: str, event: dict[str, Any]) -> None:
        """Take in the next content: its canary, and the event, which nobody may change afterwards."""
        self.tokens[token] = len(self.events)
        self.events.append(event)
        self._plain.append(-1)

    def of(self, payload: bytes) -> int:
        """The number of the frame that `payload` is."""
        number = self._numbers.get(payload)
        return self._interpret(payload) if number is None else number

    def of_event(self, data: Any) -> int:
        """The number of the frame that carries `data`, if that is an event just as it was published; else -1."""
        if type(data) is not dict:
            return -1
        try:
            payload = data["payload"]
            if type(payload) is not dict:
                return -1
            content = self.tokens[payload["canary"]]
        except (KeyError, TypeError):
            return -1
        event = self.events[content]
        if data != event:
            return -1
        number = self._plain[content]
        if number < 0:
            frame = Frame(content, type=event["type"], owner=event.get("user_id"), event=event)
            number = self._plain[content] = self._add(frame, b"")
        return number

    def _interpret(self, payload: bytes) -> int:
        decoded = _decoded(payload)
        known_event = self.of_event(decoded)
        if known_event >= 0:  # most frames are an event just as it was published
            self._numbers[payload] = known_event
            self.payloads[known_event] = payload
            return known_event
        plain = unpacked(payload)
        if plain != payload:
            number = self._numbers[payload] = self.of(plain)
            return number
        tokens = list(dict.fromkeys(t.decode().lower() for t in canary.TOKEN.findall(payload)))
        known = [self.tokens[t] for t in tokens if t in self.tokens]
        foreign = tuple(t for t in tokens if t not in self.tokens)
        frame = Frame(-1, tuple(known), foreign, text=_sample(payload), json=decoded is not None)
        if known:
            event, outer = _find_event(decoded, self.tokens)
            if event is not None:
                self._read_event(frame, event, outer, known, decoded)
        if not frame.type and isinstance(decoded, dict):
            frame.type = str(decoded.get("type", ""))
        if frame.content < 0 and len(known) == 1:
            frame.content, frame.others = known[0], ()
            frame.type = frame.type or self.history.contents[known[0]].type
        if self.read is not None:
            self._read_declared(frame, self.read(payload) or [])
        number = self._numbers[payload] = self._add(frame, payload)
        return number

    def _read_declared(self, frame: Frame, readings: list[Reading]) -> None:
        """What the events of a frame say where the user has declared it, or by the ids of their runs."""
        if len(readings) == 1:
            frame.owner = readings[0].owner or frame.owner
            frame.type = readings[0].type or frame.type
        told = {self.runs[event.run] for event in readings if event.run in self.runs}
        quoted = {*frame.carried, *frame.others} - told
        if len(told) == 1:
            frame.content = told.pop()
        else:
            quoted |= told
        frame.others = tuple(sorted(quoted - {frame.content})) if self.runs else frame.others

    def _add(self, frame: Frame, payload: bytes) -> int:
        self.payloads.append(payload)
        self.history.frames.append(frame)
        return len(self.history.frames) - 1

    def _read_event(
        self, frame: Frame, payload: dict[str, Any], outer: list[dict[str, Any]], known: list[int], root: Any
    ) -> None:
        """`payload` is the innermost object with a canary, `outer` what it lies in, innermost first."""
        content = self.tokens[payload["canary"].lower()]
        published = self.events[content]
        frame.content = content
        frame.others = tuple(c for c in known if c != content)
        if len(known) > 1:
            whole_events = list(_whole(root, self.tokens))
            if len(whole_events) > 1:
                frame.types = tuple(str(e.get("type", "")) for e in whole_events)
                frame.batch = tuple(self.tokens[e["payload"]["canary"].lower()] for e in whole_events)
                frame.others = tuple(c for c in known if c not in frame.batch)
                wrong = [
                    key
                    for content, event in zip(frame.batch, whole_events, strict=True)
                    for key, value in self.events[content].items()
                    if not _same(key, event.get(key), value)
                ]
                frame.altered = ", ".join(dict.fromkeys(wrong))
                return
        event = outer[0] if outer else payload
        whole = bool(outer) and event.get("payload") is payload
        changed = ["payload"] if any(payload.get(k) != v for k, v in published["payload"].items()) else []
        if whole:
            changed = [k for k, v in published.items() if not _same(k, event.get(k), v) and (k != "payload" or changed)]
            if not self.history.guarantees.additions and (len(outer) > 1 or event.keys() - published.keys()):
                changed.append("fields added")
        frame.altered = ", ".join(changed)
        for level in (payload, *outer):
            owner = level.get("user_id")
            if isinstance(owner, str | int):
                frame.owner = str(owner)
            type_ = level.get("type", level.get("event_type", level.get("event")))
            if isinstance(type_, str) and not frame.type:
                frame.type = type_


def _same(key: str, value: Any, published: Any) -> bool:
    """Whether a field is as it was published; a user's id may have become the number that it is."""
    return bool(value == published or (key == "user_id" and str(value) == published))


def _sample(payload: bytes) -> str:
    return payload[:400].decode("utf-8", "replace")


def unpacked(payload: bytes) -> bytes:
    """What a frame without a token holds once decompressed, or a stretch of base64 in it decoded; else `payload`.

    MessagePack becomes JSON.
    """
    if payload[:1] >= _MESSAGEPACK:
        with contextlib.suppress(msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            value = msgspec.msgpack.decode(payload)
            if isinstance(value, dict | list):
                return msgspec.json.encode(value)
    if canary.TOKEN.search(payload):
        return payload
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj(_ZLIB_OR_GZIP).decompress(payload, _LARGEST)
    for stretch in _BASE64.findall(payload):
        with contextlib.suppress(ValueError):
            inner = unpacked(base64.b64decode(stretch.translate(_URL_SAFE) + b"=" * (-len(stretch) % 4)))
            if canary.TOKEN.search(inner):
                return inner
    return payload


_MESSAGEPACK = b"\x80"
"""Its maps and arrays begin with this byte or a greater one, JSON never does."""
_ZLIB_OR_GZIP = 47
_LARGEST = 1_000_000
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{60,}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _decoded(payload: bytes) -> Any:
    found, value = _from_json(payload)
    if not found:
        found, value = _from_json(_from_bracket(payload))  # some protocols put a few bytes before it
    return value if found else _several(payload)


def _several(payload: bytes) -> list[Any] | None:
    """Several JSON objects in one frame: line by line, as server-sent events, or simply one after the other."""
    text = payload.decode("utf-8", "replace")
    values, at, misses = [], text.find("{"), 0
    while at >= 0 and misses < _MISSES:
        try:
            value, end = _DECODER.raw_decode(text, at)
            values.append(value)
        except (ValueError, RecursionError):
            end = at + 1
            misses += 1
        at = text.find("{", end)
    return values or None


_DECODER = json.JSONDecoder()
_MISSES = 50


def _from_json(text: bytes) -> tuple[bool, Any]:
    try:
        return True, msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        with contextlib.suppress(ValueError, RecursionError):
            return True, json.loads(text)
    return False, None


def _from_bracket(payload: bytes) -> bytes:
    starts = [at for at in (payload.find(b"{"), payload.find(b"[")) if at >= 0]
    return payload[min(starts) :].strip(b"\x00\r\n ") if starts else b""


def _find_event(value: Any, tokens: dict[str, int]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The outermost object that has a canary of ours as its own field, and the objects it lies in, innermost first.

    Breadth first, so that an event quoted inside another is not taken for it; strings of JSON are read too.
    """
    level: list[tuple[Any, list[dict[str, Any]]]] = [(value, [])]
    for _ in range(8):
        deeper: list[tuple[Any, list[dict[str, Any]]]] = []
        for item, path in level:
            if isinstance(item, dict):
                found = item.get("canary")
                if isinstance(found, str) and found.lower() in tokens:
                    return item, path
                below = [item, *path]
                deeper.extend((inner, below) for inner in item.values() if isinstance(inner, dict | list | str))
            elif isinstance(item, list):
                deeper.extend((inner, path) for inner in item if isinstance(inner, dict | list | str))
            elif isinstance(item, str) and "ctk_" in item and item[:1] in "{[":
                deeper.append((_decoded(item.encode("utf-8", "surrogatepass")), path))
        level = deeper
        if not level:
            break
    return None, []


def _whole(value: Any, tokens: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The whole events of ours inside `value`, in the order of the text."""
    if isinstance(value, dict):
        payload = value.get("payload")
        found = payload.get("canary") if isinstance(payload, dict) else None
        if isinstance(found, str) and found.lower() in tokens:
            yield value
        else:
            for item in value.values():
                yield from _whole(item, tokens)
    elif isinstance(value, list):
        for item in value:
            yield from _whole(item, tokens)
