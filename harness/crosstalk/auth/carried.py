"""A token source and a carrier make an `Authenticator`.

A `Credential` says only what goes on the wire, so the token behind it (with what renews it) is kept here until it has
been renewed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from crosstalk.auth.base import AuthenticationFailed, Credential
from crosstalk.auth.carriers import Carrier
from crosstalk.auth.tokens import Token, TokenSource


@dataclass(slots=True)
class Carried:
    """Logs users in with tokens of `source`, carried by `carrier`."""

    source: TokenSource
    carrier: Carrier = field(default_factory=Carrier)
    _tokens: dict[Credential, Token] = field(default_factory=dict, repr=False)

    @property
    def users(self) -> tuple[str, ...]:
        return self.source.users

    async def login(self, user_id: str) -> Credential:
        return self._carry(user_id, await self.source.issue(user_id))

    async def refresh(self, credential: Credential) -> Credential:
        token = self._tokens.get(credential)
        if token is None:
            raise AuthenticationFailed(f"{credential.user_id!r} never logged in here, so nothing can be refreshed")
        renewed = await self.source.renew(credential.user_id, token)
        self._tokens.pop(credential, None)
        return self._carry(credential.user_id, renewed)

    def token_of(self, credential: Credential) -> Token | None:
        """The token that a credential of this authenticator carries."""
        return self._tokens.get(credential)

    async def close(self) -> None:
        await self.source.close()

    def _carry(self, user_id: str, token: Token) -> Credential:
        # the carrier's own check of what a header may hold would show the token: say it here, without it
        if any(ord(letter) < 33 or ord(letter) > 126 for letter in token.value) and self.carrier.kind in (
            "header",
            "cookie",
        ):
            raise AuthenticationFailed(
                f"the token of {user_id!r} holds a blank or a letter outside ASCII, which no {self.carrier.kind} "
                f"may: carry it by query or message, or look at where it comes from"
            )
        credential = replace(
            self.carrier.credential(user_id, token.value, expires=token.expires), secrets=token.secrets
        )
        self._tokens[credential] = token
        return credential
