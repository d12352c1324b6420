"""What moves the users of a live system from OLD to NEW, and back: a command, an HTTP call, or a Python callable.

Each is told which share of all users, and which users (the cohort) apart from that, NEW is to serve from now on: 0 and
nobody is the roll-back. In commands and addresses `{percent}`, `{share}` and `{users}` are filled in; an HTTP call
has the same as JSON, and a callable gets `(share, cohort)`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import shlex
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from crosstalk.targets.calling import CallFailed, call
from crosstalk.targets.cause import imported, names_callable

SECONDS = 30.0
METHODS = ("POST", "PUT", "PATCH", "GET")
Move = Callable[[float, frozenset[str]], Awaitable[None]]


class SwitchFailed(Exception):
    """The switch did not do what it was asked for; the message is one sentence."""


def switch(spec: str) -> tuple[Move, str]:
    """The switch that `spec` names, and the address that it calls, if it calls one. Raises ValueError."""
    method, _, url = spec.partition(" ")
    if method in METHODS and url.startswith(("http://", "https://")):
        return _by_http(method, url.strip()), url.strip()
    if names_callable(spec):
        return _by_call(imported(spec)), ""
    words = shlex.split(spec)
    if len(words) < 2 or not any(place in spec for place in ("{percent}", "{share}", "{users}")):
        raise ValueError(
            f"{spec!r} is no switch: give module:callable, POST and an address, or a command with {{percent}}, "
            "{share} or {users} in it"
        )
    return _by_command(words), ""


def _filled(text: str, share: float, cohort: frozenset[str]) -> str:
    values = {"{percent}": f"{share * 100:g}", "{share}": f"{share:g}", "{users}": ",".join(sorted(cohort))}
    for place, value in values.items():
        text = text.replace(place, value)
    return text


def _by_call(function: Callable[..., Any]) -> Move:
    async def move(share: float, cohort: frozenset[str]) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                if inspect.iscoroutinefunction(function):
                    await function(share, cohort)
                else:
                    await asyncio.to_thread(function, share, cohort)
        except TimeoutError:
            raise SwitchFailed(f"the switch did not return within {SECONDS:g} s") from None
        except Exception as error:
            raise SwitchFailed(f"the switch raised {type(error).__name__}: {str(error)[:200]}") from None

    return move


def _by_command(words: list[str]) -> Move:
    async def move(share: float, cohort: frozenset[str]) -> None:
        filled = [_filled(word, share, cohort) for word in words]
        try:
            process = await asyncio.create_subprocess_exec(
                *filled,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise SwitchFailed(f"{words[0]} could not be started: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(SECONDS):
                said, _ = await process.communicate()
        except BaseException as error:
            process.kill()
            await process.wait()
            if isinstance(error, TimeoutError):
                raise SwitchFailed(f"{words[0]} did not end within {SECONDS:g} s") from None
            raise
        if process.returncode:
            text = " ".join(said.decode(errors="replace").split())[-200:]
            raise SwitchFailed(f"{words[0]} ended with {process.returncode}: {text}")

    return move


def _by_http(method: str, url: str) -> Move:
    async def move(share: float, cohort: frozenset[str]) -> None:
        value = {"share": share, "percent": share * 100, "users": sorted(cohort)}
        address = _filled(url, share, frozenset(quote(user, safe="") for user in cohort))
        body = None if method == "GET" else json.dumps(value)
        try:
            await call(method, address, seconds=SECONDS, body=body, headers=[("Content-Type", "application/json")])
        except CallFailed as failed:
            raise SwitchFailed(f"the switch {failed}") from None

    return move
