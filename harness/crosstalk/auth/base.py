"""The seam between proving who one is and connecting: a `Credential` says what a connection carries.

An `Authenticator` makes one per user. Whoever connects puts it on the wire and never asks what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credential:
    """What one user's connection carries. `expires` is in Unix seconds; `secrets` must never be shown.

    `first_message` is sent as the first frame once the connection is open.
    """

    user_id: str
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    first_message: str | None = None
    expires: float | None = None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<credential of {self.user_id!r}>"


class AuthenticationFailed(Exception):
    """A user could not log in; the message is one sentence without secrets."""


class Authenticator(Protocol):
    """Logs simulated users in."""

    async def login(self, user_id: str) -> Credential:
        """A fresh credential. Raises AuthenticationFailed."""
        ...

    async def refresh(self, credential: Credential) -> Credential:
        """A credential of the same user that is valid for longer. Raises AuthenticationFailed."""
        ...

    async def close(self) -> None:
        """Give back what it holds: HTTP connections, say."""
        ...
