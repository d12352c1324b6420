"""A Python callable, sync or async, that says what a user's connection carries.

It takes the user's id and returns a token (text), a mapping of headers, or a whole `Credential`. Sync callables run in
a thread, so that one which asks a server holds up nobody. What it raises becomes one sentence.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crosstalk.auth.base import AuthenticationFailed, Credential
from crosstalk.auth.carriers import Carrier


@dataclass(slots=True)
class Called:
    """Logs in by `function(user_id)`; tokens it returns are carried by `carrier`."""

    function: Callable[[str], Any]
    carrier: Carrier = field(default_factory=Carrier)
    name: str = ""
    users: tuple[str, ...] = ()

    async def login(self, user_id: str) -> Credential:
        name = self.name or getattr(self.function, "__name__", "the callable")
        try:
            if inspect.iscoroutinefunction(self.function):
                found = await self.function(user_id)
            else:
                found = await asyncio.to_thread(self.function, user_id)
                if inspect.isawaitable(found):
                    found = await found
        except AuthenticationFailed:
            raise
        except Exception as error:
            # its message may quote what it was sent: the type must do
            raise AuthenticationFailed(
                f"logging in {user_id!r}: {name} raised {type(error).__name__}{_line_of(error)}"
            ) from error
        if isinstance(found, Credential):
            return found if found.user_id == user_id else replace(found, user_id=user_id)
        if isinstance(found, str) and found:
            return self.carrier.credential(user_id, found)
        if isinstance(found, Mapping) and all(isinstance(v, str) for pair in found.items() for v in pair):
            return Credential(user_id, headers=tuple(found.items()), secrets=tuple(found.values()))
        raise AuthenticationFailed(
            f"logging in {user_id!r}: {name} returned {type(found).__name__}: return a token, a mapping of headers, or "
            f"a crosstalk.auth.base.Credential"
        )

    async def refresh(self, credential: Credential) -> Credential:
        return await self.login(credential.user_id)

    async def close(self) -> None:
        pass


def _line_of(error: Exception) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return ""
    return f" in line {last.tb_lineno} of {last.tb_frame.f_code.co_filename.rpartition('/')[2]}"
