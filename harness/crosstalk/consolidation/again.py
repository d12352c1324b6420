"""What a command that took OLD and NEW must be given again, to play again what it found."""

from __future__ import annotations

from collections.abc import Mapping

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


def names_of_both(old: Examination, new: Examination) -> dict[str, str]:
    """How both are reached, as a token of the two holds it."""
    both = (("old", old), ("new", new))
    return {f"{side} {role}": name for side, examination in both for role, name in examination.names.items()}


def names_of(side: str, names: Mapping[str, str]) -> dict[str, str]:
    """How `side` ("old" or "new") is reached, by the names of both."""
    return {role.removeprefix(f"{side} "): name for role, name in names.items() if role.startswith(f"{side} ")}
