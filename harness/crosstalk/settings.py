"""What a run was asked for: options, environment and ini keys become one frozen `Settings`.

One table, `OPTIONS`, names every setting; the plugin and the command offer what stands there. Where a setting is named
more than once, the option wins over the environment, and the environment over the ini file. Nothing here imports the
engine: a pytest run that has no use for crosstalk must not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosstalk.model.guarantees import Guarantees

REFERENCE = "crosstalk.reference.hub:Hub"
"""The embedded broadcaster: what is judged where no target is named."""


class SettingsError(ValueError):
    """A setting is wrong; the message is one sentence that names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `kind` is text, number, integer, path, flag, family or items; `option` its name for pytest."""

    name: str
    kind: str
    option: str
    help: str

    @property
    def environment(self) -> str:
        return f"CROSSTALK_{self.name.upper()}"

    @property
    def ini(self) -> str:
        return f"crosstalk_{self.name}"


OPTIONS = (
    Option(
        "broadcaster",
        "text",
        "--broadcaster",
        "the broadcaster to judge: module:attribute or path/to/file.py:attribute",
    ),
    Option("budget", "number", "--crosstalk-budget", "seconds of exploration in all, shared by the items (20)"),
    Option("seed", "integer", "--crosstalk-seed", "where the exploration starts; the same seed repeats it (0)"),
    Option("reports", "path", "--crosstalk-reports", "the folder that gets verdict.json (reports)"),
    Option("connect", "text", "--crosstalk-connect", "the broadcaster's own name for connect"),
    Option("disconnect", "text", "--crosstalk-disconnect", "the broadcaster's own name for disconnect"),
    Option("publish", "text", "--crosstalk-publish", "the broadcaster's own name for sending an event to a user"),
    Option("strict", "flag", "--crosstalk-strict", "hold the broadcaster to every guarantee, not to the usual ones"),
    Option("guarantee", "items", "--crosstalk-guarantee", "one guarantee as NAME=VALUE; may be given more than once"),
)

_YES_NO = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for. `broadcaster` is "" where no target was named; `source` says where it was."""

    broadcaster: str = ""
    source: str = ""
    budget: float = 20.0
    seed: int = 0
    reports: Path = field(default_factory=lambda: Path("reports"))
    connect: str = ""
    disconnect: str = ""
    publish: str = ""
    strict: bool = False
    guarantee: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """The broadcaster's own method names, where given."""
        given = {"connect": self.connect, "disconnect": self.disconnect, "publish": self.publish}
        return {name: value for name, value in given.items() if value}

    @property
    def guarantees(self) -> Guarantees:
        """What the broadcaster is held to. Raises SettingsError."""
        from crosstalk.model.guarantees import Guarantees

        try:
            return Guarantees.parse(self.guarantee, self.strict)
        except ValueError as error:
            raise SettingsError(str(error)) from None


def resolve(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    ini: Callable[[str], Any] = lambda key: None,
    here: Path | None = None,
    root: Path | None = None,
) -> Settings:
    """The settings from `options` (by setting name; None is not given), environment variables and ini keys.

    A path is relative to `here`, where the command was typed, and one from the ini file, or the default, to `root`.
    Raises SettingsError.
    """
    here = here or Path()
    root = root or here
    found: dict[str, Any] = {"reports": root / "reports"}
    for option in OPTIONS:
        sources = (
            (option.option, options.get(option.name)),
            (option.environment, environment.get(option.environment)),
            (f"the ini key {option.ini}", ini(option.ini)),
        )
        given = [(where, value) for where, value in sources if value not in (None, "", [], ())]
        if not given:
            continue
        if option.kind == "items":
            # each source adds its own; the last one said of a name holds
            found[option.name] = tuple(item for _, value in reversed(given) for item in _items(value))
            continue
        where, value = given[0]
        found[option.name] = _value(option.kind, where, value)
        if option.kind == "path":
            found[option.name] = (root if where.startswith("the ini key") else here) / found[option.name]
        if option.name == "broadcaster":
            found["source"] = where
    settings = Settings(**found)
    if settings.guarantee:
        _ = settings.guarantees  # a wrong one is said now, not in the middle of the run
    return settings


def _value(kind: str, where: str, value: Any) -> Any:
    text = str(value).strip()
    if kind == "text":
        return text
    if kind == "path":
        return Path(text)
    if kind == "integer":
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{where} must be a whole number, not {text!r}") from None
    if kind == "flag":
        if text.lower() not in _YES_NO:
            raise SettingsError(f"{where} must be yes or no, not {text!r}")
        return _YES_NO[text.lower()]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise SettingsError(f"{where} must be a number of seconds above 0, not {text!r}")
    return number


def _items(value: Any) -> list[str]:
    """Items of a list, or of a text that separates them by commas or white space."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    return [str(item) for item in value]
