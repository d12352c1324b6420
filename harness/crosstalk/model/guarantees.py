"""What a broadcaster promises beyond isolation, which is never optional.

Broadcasters legitimately differ. The default is lenient: what many good ones do is allowed. `strict()` is what a
broadcaster that claims everything is held to. Each field is set on its own by `NAME=VALUE`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from crosstalk.model.golden_path import DEFAULT, Grammar


class Guarantees(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields and their lenient defaults:

    replay: events from before a connection may be sent to it (history on reconnect).
    at_least_once: one connection may be sent an event again.
    additions: the broadcaster may add fields to an event or wrap it.
    snapshot: what arrives is the event as it was at the call, though the publisher changes its object afterwards; where
        that is not promised, the verdict notes it of a broadcaster that keeps the publisher's object.
    counts: whether a returned integer is the number of connections reached; "auto" finds out.
    concurrent_order: events published concurrently to one user arrive in the order of the calls.
    frame_seconds: virtual seconds that one frame may need before its connection may be given up; 0 is any time.
    growth: memory must not grow with departed users.
    cancelled_disconnect: nothing stays behind of a user whose disconnect is cancelled half-way either; where that is
        not promised, whoever cancels it has to see to that (asyncio.shield), and the verdict notes it.
    scale: the cost of a delivery, and of a connection, does not grow with the number of users; a soak flags it where
        that is not promised, for some libraries go through everybody and say so.
    unknown_user: what a publish to a user without connections may do; "raise" allows an error of its own.
    connection_ids: "unique" connection ids, or "chosen" by the client, so that two users may choose the same.
    golden_path: the event types of one agent run in order, as an expression; see crosstalk.model.golden_path.
    """

    replay: bool = True
    at_least_once: bool = False
    additions: bool = True
    snapshot: bool = False
    counts: Literal["auto", "yes", "no"] = "auto"
    concurrent_order: bool = False
    frame_seconds: float = 0.0
    growth: bool = True
    cancelled_disconnect: bool = False
    scale: bool = False
    unknown_user: Literal["raise", "return"] = "raise"
    connection_ids: Literal["unique", "chosen"] = "unique"
    golden_path: str = DEFAULT

    def __post_init__(self) -> None:
        Grammar.parse(self.golden_path)

    @property
    def grammar(self) -> Grammar:
        """The automaton of `golden_path`."""
        return Grammar.parse(self.golden_path)

    def unusual(self) -> dict[str, Any]:
        """The fields that are not as in the lenient default, by their names."""
        usual = msgspec.to_builtins(type(self)())
        return {name: value for name, value in msgspec.to_builtins(self).items() if value != usual[name]}

    @classmethod
    def strict(cls) -> Guarantees:
        return cls(
            replay=False,
            additions=False,
            snapshot=True,
            counts="yes",
            concurrent_order=True,
            frame_seconds=30.0,
            cancelled_disconnect=True,
            scale=True,
            unknown_user="return",
        )

    @classmethod
    def parse(cls, items: Iterable[str] = (), strict: bool = False, grammar: str = "") -> Guarantees:
        """From `NAME=VALUE` items over the lenient or strict defaults; `grammar`, if any, is the golden path.

        Raises ValueError with one sentence.
        """
        values = msgspec.to_builtins(cls.strict() if strict else cls())
        for item in (*items, *([f"golden_path={grammar}"] if grammar else [])):
            name, equals, value = item.partition("=")
            name = name.strip().replace("-", "_")
            if not equals or name not in values:
                raise ValueError(f"{item!r} is no guarantee: give NAME=VALUE with one of {', '.join(values)}")
            values[name] = {"yes": True, "no": False}.get(value.strip().lower(), value.strip())
            if name in ("counts", "golden_path"):
                values[name] = value.strip()
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            if type(error.__cause__) is ValueError:  # of the grammar
                raise error.__cause__ from None
            raise ValueError(f"a guarantee has a wrong value: {error}") from None
