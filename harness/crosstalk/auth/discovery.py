"""Where a provider's endpoints are: given, or read from its discovery document.

`ISSUER/.well-known/openid-configuration` (OpenID Connect Discovery 1.0), else `/.well-known/oauth-authorization-server`
(RFC 8414, which puts the issuer's path behind it). The document must name the issuer that was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.exchange import Exchange, is_loopback, json_object


@dataclass(frozen=True, slots=True)
class Endpoints:
    token: str
    device: str = ""
    revocation: str = ""
    jwks: str = ""


class Provider:
    """A provider by its issuer, or by endpoints that are known. Each endpoint given wins over what is discovered."""

    def __init__(self, issuer: str = "", *, token: str = "", device: str = "", revocation: str = "", jwks: str = ""):
        if not issuer and not token:
            raise ValueError("a provider needs its issuer, or the URL of its token endpoint")
        self.issuer = issuer.rstrip("/")
        self._given = Endpoints(token, device, revocation, jwks)
        self._found: Endpoints | None = None

    def __str__(self) -> str:
        return self.issuer or self._given.token

    async def endpoints(self, exchange: Exchange) -> Endpoints:
        """Raises AuthenticationFailed. Asked once."""
        if self._found is None:
            self._found = await self._discovered(exchange) if self.issuer else self._given
        return self._found

    async def _discovered(self, exchange: Exchange) -> Endpoints:
        who = f"discovering {self.issuer}"
        parts = urlsplit(self.issuer)
        places = (
            f"{self.issuer}/.well-known/openid-configuration",
            f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}",
        )
        statuses = []
        for place in places:
            answer = await exchange.send("GET", place, who=who)
            if answer.is_success:
                break
            statuses.append(f"{answer.status_code} at {urlsplit(place).path}")
        else:
            raise AuthenticationFailed(f"{who}: it has no discovery document ({', '.join(statuses)})")
        found = json_object(answer, who)
        named = str(found.get("issuer", "")).rstrip("/")
        if named != self.issuer:
            raise AuthenticationFailed(f"{who}: its document speaks for another issuer, {named[:100]!r}")

        def endpoint(name: str, given: str) -> str:
            value = given or found.get(name) or ""
            if not isinstance(value, str):
                raise AuthenticationFailed(f"{who}: its {name} is no URL")
            if value.startswith("http://") and not is_loopback(value) and self.issuer.startswith("https://"):
                raise AuthenticationFailed(f"{who}: its {name} is not encrypted (http), so no secret is sent there")
            return value

        token = endpoint("token_endpoint", self._given.token)
        if not token:
            raise AuthenticationFailed(f"{who}: its document names no token endpoint")
        return Endpoints(
            token,
            endpoint("device_authorization_endpoint", self._given.device),
            endpoint("revocation_endpoint", self._given.revocation),
            endpoint("jwks_uri", self._given.jwks),
        )
