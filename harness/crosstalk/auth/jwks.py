"""The key set (RFC 7517) that a server verifies with, read from its URL.

Two uses: to name our own key by the `kid` under which the server knows it, and to tell whether a token was signed by
one of the keys, so that a provider's mistake is not taken for the server's.
"""

from __future__ import annotations

from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jwk import KeySet as Keys

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.exchange import Exchange


class KeySet:
    """The keys at `url`, fetched once, and once more when a `kid` is asked for that they lack (keys rotate)."""

    def __init__(self, url: str, exchange: Exchange | None = None) -> None:
        self.url = url
        self._exchange = exchange or Exchange()
        self._keys: Keys | None = None

    async def keys(self, *, again: bool = False) -> Keys:
        if self._keys is None or again:
            answer = await self._exchange.json("GET", self.url, who="the key set")
            try:
                # a set may hold keys of kinds we don't know; those are skipped, as RFC 7517 section 5 asks
                known = [key for key in answer["keys"] if key.get("kty") in ("RSA", "EC", "oct", "OKP")]
                self._keys = Keys.import_key_set({"keys": known})
            except (KeyError, TypeError, AttributeError, ValueError, JoseError):
                raise AuthenticationFailed(f"what {self.url} answers is no key set (RFC 7517)") from None
        return self._keys

    async def kid_of(self, key: Key) -> str:
        """The `kid` of the key in the set that is the public half of `key`. Raises AuthenticationFailed."""
        mine = key.thumbprint()
        keys = (await self.keys()).keys
        for candidate in keys:
            if candidate.key_type == key.key_type and candidate.thumbprint() == mine:
                return candidate.kid or mine
        raise AuthenticationFailed(
            f"none of the {len(keys)} keys at {self.url} is the public half of ours, so the server would refuse every "
            f"token: give the private key that belongs to one of them"
        )

    async def claims_of(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of the keys signed. Raises AuthenticationFailed (without the token)."""
        try:
            kid = jws.extract_compact(token.encode()).headers().get("kid")
            keys = await self.keys()
            if kid is not None and all(key.kid != kid for key in keys.keys):
                keys = await self.keys(again=True)
            return dict(jwt.decode(token, keys, algorithms=SIGNED).claims)
        except (JoseError, ValueError) as error:
            reason = type(error).__name__
        raise AuthenticationFailed(f"the token was not signed by any key at {self.url} ({reason})")

    async def close(self) -> None:
        await self._exchange.close()


SIGNED = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
