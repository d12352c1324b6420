"""The options that say how an ASGI application is reached, shared by the commands that take one as target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from crosstalk.settings import REACHING, SETTINGS

F = TypeVar("F", bound=Callable[..., Any])


def reaching(command: F) -> F:
    """Adds the options of REACHING; the command gets each by its name, a text or a tuple of texts."""
    for setting in reversed([setting for setting in SETTINGS if setting.name in REACHING]):
        option = f"--{setting.name.replace('_', '-')}"
        several = setting.kind == "lines"
        command = click.option(option, setting.name, multiple=several, default=None, metavar="TEXT", help=setting.help)(
            command
        )
    return command


def reached(given: Mapping[str, Any]) -> dict[str, str]:
    """The options of `reaching` as names of a target: several values of one stand in lines."""
    values = {name: given.get(name) or "" for name in REACHING}
    return {name: value if isinstance(value, str) else "\n".join(value) for name, value in values.items()}
