"""What a command that took OLD and NEW must be given again, to play again what it found."""

from __future__ import annotations

from crosstalk.examination import Examination


def options_again(old: Examination, new: Examination) -> tuple[str, ...]:
    """The options that say how both are reached, and what both promise."""
    words: list[str] = []
    for option, side in (("--old-name", old), ("--new-name", new)):
        for role, text in side.names.items():
            for line in text.splitlines():
                words += [option, f"{role}={line}"]
    for name, value in old.declared.unusual().items():
        said = ("no", "yes")[value] if isinstance(value, bool) else value
        words += ["--guarantee", f"{name}={said}"]
    return tuple(words)
