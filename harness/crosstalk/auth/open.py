"""No authentication: a user connects, and at most says its id in the query or a header.

For servers on a trusted network, or behind a proxy that has authenticated already. `{user}` stands for the user's id.
"""

from __future__ import annotations

from dataclasses import dataclass

from crosstalk.auth.base import Credential


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """`query` and `headers` are templates, such as (("user_id", "{user}"),)."""

    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    users: tuple[str, ...] = ()

    async def login(self, user_id: str) -> Credential:
        def filled(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
            return tuple((name, value.replace("{user}", user_id)) for name, value in pairs)

        return Credential(user_id, headers=filled(self.headers), query=filled(self.query))

    async def refresh(self, credential: Credential) -> Credential:
        return credential

    async def close(self) -> None:
        pass
