"""JWTs made here, with the key that the server verifies with: HS256, RS256, ES256 and their longer kin (joserfc).

A lifetime shorter than the run makes tokens expire in its middle; `renew` is a fresh one. With a JWKS URL the key's
`kid` is the one under which the server knows it (jwks.py).
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError, SecurityWarning

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.claims import filled
from crosstalk.auth.jwks import KeySet
from crosstalk.auth.tokens import Token

ALGORITHMS = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC"}


class KeyUnusable(ValueError):
    """The key does not go with the algorithm; the message is one sentence without the key."""


@dataclass(slots=True)
class Minted:
    """Makes tokens. `claims` is a template (claims.py), `lifetime` in seconds, `header` adds to alg, typ and kid."""

    key: jwk.Key = field(repr=False)
    algorithm: str = "HS256"
    claims: Mapping[str, Any] = field(default_factory=dict)
    lifetime: float = 3600.0
    header: Mapping[str, Any] = field(default_factory=dict)
    key_set: KeySet | None = None
    clock: Callable[[], float] = time.time
    users: tuple[str, ...] = ()
    _kid: str = ""

    async def issue(self, user_id: str) -> Token:
        await self.prepare()
        return self.mint(user_id)

    async def renew(self, user_id: str, token: Token) -> Token:
        return await self.issue(user_id)

    async def prepare(self) -> None:
        """Find the `kid` of our key at the JWKS URL, once. Raises AuthenticationFailed when it isn't there."""
        if self.key_set is not None and not self._kid:
            self._kid = await self.key_set.kid_of(self.key)

    def mint(self, user_id: str, **changes: Any) -> Token:
        """One token; `changes` are claims that differ from the template for this one (None leaves a claim out)."""
        now = self.clock()
        claims = filled({**self.claims, **changes}, user_id, now, self.lifetime)
        header = {"typ": "JWT", **({"kid": self._kid} if self._kid else {}), **self.header, "alg": self.algorithm}
        try:
            with warnings.catch_warnings():
                # a short secret is the server's choice, and its owner's to change
                warnings.simplefilter("ignore", SecurityWarning)
                value = jwt.encode(header, claims, self.key, algorithms=[self.algorithm])
        except (JoseError, ValueError) as error:
            raise AuthenticationFailed(
                f"no {self.algorithm} token could be made for {user_id!r}: {type(error).__name__}"
            ) from None
        expires = claims.get("exp")
        return Token(value, float(expires) if isinstance(expires, (int, float)) else None)

    @property
    def public_pem(self) -> bytes:
        """The public key as the server has it, or b"" where key and secret are the same thing."""
        if isinstance(self.key, (jwk.RSAKey, jwk.ECKey)):
            return bytes(self.key.as_pem(private=False))
        return b""

    async def close(self) -> None:
        if self.key_set is not None:
            await self.key_set.close()


def key_for(algorithm: str, text: str, source: str) -> jwk.Key:
    """The key that `text` (a secret, PEM or JWK) is for `algorithm`. Raises KeyUnusable; `source` names it there."""
    family = ALGORITHMS.get(algorithm[:2])
    if family is None or algorithm[2:] not in ("256", "384", "512"):
        raise KeyUnusable(f"{algorithm!r} is no algorithm of ours: give HS256, RS256 or ES256 (or 384, 512, PS256)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            key = jwk.import_key(_jwk(text)) if text.lstrip().startswith("{") else _IMPORT[family](text)
    except (JoseError, ValueError, TypeError, KeyError):
        wanted = "a secret" if family == "oct" else f"an {family} private key as PEM or JWK"
        raise KeyUnusable(f"{source} can't be read as a key for {algorithm}: give {wanted}") from None
    if key.key_type != family:
        raise KeyUnusable(f"{source} is a key of type {key.key_type}, and {algorithm} needs one of type {family}")
    if family != "oct" and not key.is_private:
        raise KeyUnusable(f"{source} is a public key: to make tokens the private one is needed")
    return key


_IMPORT: dict[str, Callable[[str], jwk.Key]] = {
    "oct": lambda text: jwk.import_key(text, "oct"),
    "RSA": lambda text: jwk.import_key(text, "RSA"),
    "EC": lambda text: jwk.import_key(text, "EC"),
}


def _jwk(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value
