"""What a user proves who it is with, before anybody has decided how it travels.

A `TokenSource` issues tokens; `Carried` (carried.py) puts them on a connection by a `Carrier`. So every way of getting
a token goes with every way of carrying it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `expires` in Unix seconds where it is known; `renewal` is what a refresh is asked for with.

    `others` are further secrets that came with it, an ID token say: never shown, never sent.
    """

    value: str = field(repr=False)
    expires: float | None = None
    renewal: str = field(default="", repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self.value, self.renewal, *self.others) if secret)


class TokenSource(Protocol):
    """Issues tokens. `users` are the only ones it can issue for; empty when anybody will do."""

    @property
    def users(self) -> tuple[str, ...]: ...

    async def issue(self, user_id: str) -> Token:
        """A fresh token. Raises AuthenticationFailed."""
        ...

    async def renew(self, user_id: str, token: Token) -> Token:
        """A token of the same user that is valid for longer. Raises AuthenticationFailed."""
        ...

    async def close(self) -> None: ...
