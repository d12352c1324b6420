"""Text of unknown origin made harmless to read: in a terminal, in HTML, in Markdown, in a CI log.

Whatever a terminal or a bidirectional reader would obey is spelled out as an escape. Names of users are spelled out
wherever they are not plain ASCII, since looking alike is what such names are for.
"""

from __future__ import annotations

import unicodedata

_OBEYED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
LONG = 40


def printable(text: str) -> str:
    """`text` as ASCII: the rest is escaped, as `ascii` does."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def legible(text: str, most: int = 4_000, *, lines: bool = False) -> str:
    """`text` in its own script, without control, format or unassigned characters, and not longer than `most`.

    With `lines` its line breaks are kept.
    """
    cut = text[:most]
    shown = "".join(_spelled(c) if unicodedata.category(c) in _OBEYED and not (lines and c == "\n") else c for c in cut)
    return shown + (f"... ({len(text) - most:,} more characters)" if len(text) > most else "")


def short(text: str, most: int) -> str:
    """As `legible`, on one line and at most `most` characters wide, for places that have no more room."""
    shown = legible(text, 4 * most)
    return shown if len(shown) <= most else shown[: most - 3].rstrip() + "..."


def _spelled(character: str) -> str:
    if character == "\t":
        return "\\t"
    if character == "\n":
        return "\\n"
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65_536 else f"\\U{number:08x}"


def name(user: str, most: int = LONG) -> str:
    """A user's id as a report writes it: quoted where its edges or its emptiness would be missed, short in the middle.

    Two ids of one family differ at their ends, which therefore stay.
    """
    text = printable(user)
    if len(text) > most:
        text = f"{text[: most // 2 - 2]}...{text[-(most // 2 - 2) :]}"
    return text if text and text == text.strip() else f"'{text}'"
