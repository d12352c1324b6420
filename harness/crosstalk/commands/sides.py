"""The options that OLD and NEW have in every command that takes both, and how their methods are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from crosstalk.settings import REACHING

F = TypeVar("F", bound=Callable[..., Any])

REPORTS = click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder for what the run leaves.",
)


def sides(command: F) -> F:
    """Adds how the methods of OLD and NEW are named, as `old_names` and `new_names`, and `reports`."""
    command = REPORTS(command)
    for side in ("new", "old"):
        command = click.option(
            f"--{side}-name",
            f"{side}_names",
            multiple=True,
            metavar="ROLE=NAME",
            help=f"A method of {side.upper()}, as publish=emit_to; of an application, as open=/ws/{{user}}.",
        )(command)
    return command


def promises(command: F) -> F:
    """Adds what both promise, where the search starts, and the token of what was found before."""
    for option in (
        click.option("--replay", "token", default="", metavar="TOKEN", help="Play what was found once more; print it."),
        click.option("--grammar", default="", metavar="EXPR", help="The event types of one run in order."),
        click.option("--strict", is_flag=True, help="Hold both to the strict guarantees."),
        click.option("--guarantee", multiple=True, metavar="NAME=VALUE", help="What both promise."),
        click.option("--seed", type=int, default=0, show_default=True, help="Where the search starts."),
    ):
        command = option(command)
    return command


def method_names(items: tuple[str, ...], option: str, more: tuple[str, ...] = ()) -> dict[str, str]:
    """The methods, or ways to reach an application, of ROLE=NAME items of `option`; several of one stand in lines.

    `more` are roles that only this command knows. Raises ValueError with one sentence.
    """
    names: dict[str, str] = {}
    for item in items:
        role, equals, name = item.partition("=")
        role = role.replace("-", "_")
        if not equals or role not in ("connect", "disconnect", "publish", *REACHING, *more) or not name:
            raise ValueError(
                f"{option} {item!r}: give {', '.join(f'{one}=NAME' for one in ('connect', 'disconnect', *more))} or "
                "publish=NAME; "
                "of an asgi: application open=/PATH, publish=HOW, or another of its options"
            )
        names[role] = f"{names[role]}\n{name}" if role in names else name
    return names
