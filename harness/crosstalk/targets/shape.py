"""What kind of frame it is: its *shape*, equal for frames that differ in ids, numbers and prose only.

For a JSON object its keys and the values that say what kind of frame it is; for text the text itself without numbers
and the names that are given.
"""

from __future__ import annotations

import json
import re
from typing import Any

from crosstalk.targets.reading import legal

_KIND_KEYS = ("type", "event", "kind", "action", "op", "method", "status", "code", "ok", "success", "level")
_NUMBERS = re.compile(r"[0-9a-fA-F]{8,}|\d+")


def shape(frame: str | bytes, names: tuple[str, ...] = ()) -> str:
    """What kind of frame it is; equal for frames that differ in ids, numbers and prose only."""
    if isinstance(frame, bytes):
        return "binary"
    return legal(_shape(frame, names))


def _shape(frame: str, names: tuple[str, ...]) -> str:
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):  # JSON may be nested deeper than we can follow
        return "text " + _without(frame[:400], names)[:80]
    if isinstance(value, dict):
        kinds = [f"{key}={_without(str(value[key]), names)[:40]}" for key in _KIND_KEYS if _is_plain(value.get(key))]
        return "{" + ", ".join([*kinds, *sorted(key for key in value if key not in _KIND_KEYS)]) + "}"
    if isinstance(value, list):
        return "[" + (_without(value[0], names)[:40] if value and isinstance(value[0], str) else "") + "]"
    return type(value).__name__


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, bool))


def _without(text: str, names: tuple[str, ...]) -> str:
    for name in names:
        text = text.replace(name, "*")
    return _NUMBERS.sub("#", text)
