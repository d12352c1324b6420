"""SVG as text: elements whose attributes and words are escaped by construction."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """`<name ...>children</name>`; an underscore in an attribute is a hyphen, a trailing one is dropped.

    Children that are not Markup are text, and escaped.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{said}>{inner}</{name}>" if inner else f"<{name}{said}/>")


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _value(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(escape(value))
