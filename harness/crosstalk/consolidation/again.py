"""What a command that took OLD and NEW must be given again, to play again what it found."""

from __future__ import annotations

import msgspec

from crosstalk.examination import LENIENT, Examination
from crosstalk.targets.loader import TargetError


def options_again(old: Examination, new: Examination) -> tuple[str, ...]:
    """The options that say how both are reached, and what both promise."""
    words: list[str] = []
    for option, side in (("--old-name", old), ("--new-name", new)):
        for role, text in side.names.items():
            for line in text.splitlines():
                words += [option, f"{role}={line}"]
    usual = msgspec.to_builtins(LENIENT)
    for name, value in msgspec.to_builtins(old.declared).items():
        if value != usual[name]:
            said = ("no", "yes")[value] if isinstance(value, bool) else value
            words += ["--guarantee", f"{name}={said}"]
    return tuple(words)


def refuse_applications(why: str, *sides: Examination) -> None:
    """Raises TargetError for an `asgi:` target, where one is of no use."""
    for side in sides:
        if side.target.startswith("asgi:"):
            raise TargetError(
                f"{side.target} is an ASGI application, and {why}: give the broadcaster inside it, as module:attribute"
            )
