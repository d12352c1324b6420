"""The options that describe a live system and its users, shared by the commands that take its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import click

from crosstalk.profile import Profile, ProfileError, load, profile, seconds_of
from crosstalk.reporting.timeline import printable
from crosstalk.targets.reading import declared

F = TypeVar("F", bound=Callable[..., Any])


def refuse(sentence: str) -> NoReturn:
    """Say why not in one sentence, and end with 2."""
    click.echo(f"crosstalk: {printable(sentence)}", err=True)
    raise SystemExit(2) from None


def described(named: str, options: Mapping[str, Any], **changes: Any) -> Profile:
    """The profile `named`, with what was typed, as `describing` gives it, going before it. Raises ValueError."""
    given = {name: value for name, value in options.items() if name != "allow_host"}
    table = load(named) if named else {}
    return profile(table, {**given, **changes, "allow_hosts": options["allow_host"]}, f"profile {named}")


def seconds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A time as typed, in seconds."""
    try:
        return None if value is None else seconds_of(value)
    except ProfileError as error:
        raise click.BadParameter(str(error)) from None


def _pointers(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    try:
        return declared(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


PROFILE = click.option(
    "--profile", "named", default="", metavar="NAME", help="A profile of pyproject.toml, or FILE.toml[:NAME]."
)
DEVICES = click.option("--devices", type=int, default=None, help="Connections of a user, at most (default 2).")
OPTIONS = {
    "users": click.option("--users", type=int, default=None, help="How many simulated users (default 20)."),
    "auth": click.option(
        "--auth",
        default=None,
        metavar="HOW",
        help="How users log in: none, token:FILE, jwt (default with CROSSTALK_JWT_SECRET), oauth:..., ...",
    ),
    "rate": click.option("--rate", type=float, default=None, help="Messages a second, at most (default 100)."),
    "connect_rate": click.option(
        "--connect-rate", type=float, default=None, help="New connections a second, at most (default 50)."
    ),
    "cause": click.option(
        "--cause", default=None, help="What starts a run: start_agent, user_message, chat, JSON, URL, module:call."
    ),
    "hello": click.option(
        "--hello",
        multiple=True,
        callback=lambda ctx, parameter, value: value or None,
        metavar="MESSAGE",
        help="What a user says first on each connection, with {user} in it; repeatable, each waits for its answer.",
    ),
    "subprotocol": click.option(
        "--subprotocol",
        multiple=True,
        callback=lambda ctx, parameter, value: value or None,
        metavar="NAME",
        help="A WebSocket subprotocol to offer; repeatable.",
    ),
    "read": click.option(
        "--read", callback=_pointers, multiple=True, metavar="PART=POINTER", help="Where events say what they are."
    ),
    "grammar": click.option(
        "--grammar", default=None, metavar="EXPR", help="The event types of a run in order, such as 'a b+ (c|d)?'."
    ),
    "run_seconds": click.option(
        "--run-seconds", type=float, default=None, help="How long a run may take (default 30)."
    ),
    "allow_host": click.option(
        "--allow-host", multiple=True, metavar="HOST", help="May be tested, beside loopback and the profile's."
    ),
    "origin": click.option("--origin", default=None, help="The Origin header of every connection."),
    "ca_file": click.option(
        "--ca-file", default=None, metavar="FILE", help="Certificate authorities to trust besides the system's."
    ),
}


def describing(*without: str) -> Callable[[F], F]:
    """Adds `--profile`, as `named`, and all of OPTIONS but `without`."""

    def decorate(command: F) -> F:
        for name, option in reversed(OPTIONS.items()):
            if name not in without:
                command = option(command)
        return PROFILE(command)

    return decorate
