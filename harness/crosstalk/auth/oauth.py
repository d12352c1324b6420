"""Tokens of an OAuth 2 or OpenID Connect provider: one file for the token endpoint, and a table of its grants.

    client_credentials   RFC 6749 section 4.4: the client itself; with `{user}` in client_id, a client a user
    password             RFC 6749 section 4.3: for test users of old providers; OAuth 2.1 has dropped it
    device_code          RFC 8628: someone approves in a browser; see device_code.py
    refresh_token        RFC 6749 section 6: used by `renew` wherever a refresh token came along

Endpoints come from discovery (discovery.py) or are given. The client proves itself by HTTP Basic
(`basic-plain`: with marks in the secret as they are), in the form, or not at all (a public client).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.device_code import Announce, announce_on_stderr, approved
from crosstalk.auth.discovery import Provider
from crosstalk.auth.exchange import Exchange
from crosstalk.auth.jwks import KeySet
from crosstalk.auth.tokens import Token

Grant = Literal["client_credentials", "password", "device_code"]
GRANTS: tuple[Grant, ...] = ("client_credentials", "password", "device_code")


@dataclass(slots=True)
class OAuth:
    """Issues tokens of one provider. Templates (`client_id`, `username`, `extra`) may hold `{user}`.

    `passwords` by user; `password` is that of everybody else. `use` says which token a connection carries. With
    `verify` the token's signature is checked against the provider's key set before it is used.
    """

    provider: Provider
    grant: Grant = "client_credentials"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_auth: Literal["basic", "basic-plain", "form"] = "basic"
    username: str = "{user}"
    password: str = field(default="", repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    scope: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    use: Literal["access_token", "id_token"] = "access_token"
    verify: bool = False
    exchange: Exchange = field(default_factory=Exchange)
    announce: Announce = announce_on_stderr
    clock: Callable[[], float] = time.time
    _key_set: KeySet | None = None

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(self.passwords) if self.passwords and not self.password else ()

    async def issue(self, user_id: str) -> Token:
        endpoints = await self.provider.endpoints(self.exchange)
        if self.grant == "device_code":
            asked = self._form(user_id, {"scope": self.scope})
            code = await approved(self, user_id, endpoints, asked, self._headers(user_id))
            return await self._token(user_id, code)
        form = {"grant_type": self.grant, "scope": self.scope}
        if self.grant == "password":
            password = self.passwords.get(user_id, self.password)
            if not password:
                raise AuthenticationFailed(f"there is no password for {user_id!r} to log in with")
            form |= {"username": self.username.replace("{user}", user_id), "password": password}
        return await self._ask(user_id, endpoints.token, form)

    async def renew(self, user_id: str, token: Token) -> Token:
        """By the refresh token; where none came along, by logging in again."""
        if not token.renewal:
            return await self.issue(user_id)
        endpoints = await self.provider.endpoints(self.exchange)
        renewed = await self._ask(
            user_id, endpoints.token, {"grant_type": "refresh_token", "refresh_token": token.renewal}
        )
        if renewed.renewal:
            return renewed
        # a provider that does not rotate refresh tokens leaves it out, and the old one stays good
        return Token(renewed.value, renewed.expires, token.renewal, renewed.others)

    async def revoke(self, user_id: str, token: Token) -> None:
        """Take a token back (RFC 7009). Raises AuthenticationFailed, also when the provider can't."""
        endpoints = await self.provider.endpoints(self.exchange)
        if not endpoints.revocation:
            raise AuthenticationFailed(f"{self.provider} names no revocation endpoint")
        form = self._form(user_id, {"token": token.value, "token_type_hint": "access_token"})
        who = f"taking the token of {user_id!r} back"
        answer = await self.exchange.send(
            "POST", endpoints.revocation, who=who, data=form, headers=self._headers(user_id)
        )
        if not answer.is_success:
            raise AuthenticationFailed(f"{who}: the provider answered {answer.status_code}")

    async def close(self) -> None:
        await self.exchange.close()

    async def _ask(self, user_id: str, url: str, form: Mapping[str, str]) -> Token:
        who = f"logging in {user_id!r}" if form["grant_type"] != "refresh_token" else f"refreshing {user_id!r}"
        answer = await self.exchange.json(
            "POST", url, who=who, data=self._form(user_id, form), headers=self._headers(user_id)
        )
        return await self._token(user_id, answer)

    async def _token(self, user_id: str, answer: Mapping[str, Any]) -> Token:
        value = answer.get(self.use)
        if not isinstance(value, str) or not value:
            came = ", ".join(name for name in answer if name.endswith("_token")) or "no token at all"
            hint = "; ask for the scope openid" if self.use == "id_token" else ""
            raise AuthenticationFailed(f"logging in {user_id!r}: no {self.use} came, but {came}{hint}")
        seconds = answer.get("expires_in")
        expires = None
        if self.use == "access_token" and isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
            expires = self.clock() + seconds
        others = [answer[name] for name in ("access_token", "id_token") if name != self.use and name in answer]
        if self.verify:
            claims = await (await self.keys()).claims_of(value)
            expires = float(claims["exp"]) if isinstance(claims.get("exp"), (int, float)) else expires
        renewal = answer.get("refresh_token")
        return Token(
            value,
            expires,
            renewal if isinstance(renewal, str) else "",
            tuple(other for other in others if isinstance(other, str)),
        )

    async def keys(self) -> KeySet:
        if self._key_set is None:
            endpoints = await self.provider.endpoints(self.exchange)
            if not endpoints.jwks:
                raise AuthenticationFailed(f"{self.provider} names no key set (jwks_uri) to verify tokens with")
            self._key_set = KeySet(endpoints.jwks, self.exchange)
        return self._key_set

    def _client(self, user_id: str) -> str:
        return self.client_id.replace("{user}", user_id)

    def _headers(self, user_id: str) -> dict[str, str]:
        if not self.client_secret or self.client_auth == "form":
            return {}
        # RFC 6749 section 2.3.1: both are form-encoded before they are joined; some providers don't decode them
        encode = quote_plus if self.client_auth == "basic" else str
        pair = f"{encode(self._client(user_id))}:{encode(self.client_secret)}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    def _form(self, user_id: str, form: Mapping[str, str]) -> dict[str, str]:
        whole = {name: value.replace("{user}", user_id) for name, value in self.extra.items()}
        whole |= {name: value for name, value in form.items() if value}
        if not self.client_secret:
            whole["client_id"] = self._client(user_id)
        elif self.client_auth == "form":
            whole |= {"client_id": self._client(user_id), "client_secret": self.client_secret}
        return {name: value for name, value in whole.items() if value}
