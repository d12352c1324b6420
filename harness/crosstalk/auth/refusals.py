"""What must be refused: a table of bad credentials and tricks, one row each, and presets that say what is demanded.

Allow before deny: each is tried just after the same request with good credentials was served, and counts only then.
A row says why it can't be tried at all where it can't (`needs`); `attempt` tries it and hands back plain data, which
checks/authentication.py judges.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from joserfc import jwk, jws

from crosstalk.auth.base import Credential
from crosstalk.auth.eavesdropping import by_header, by_message, by_path, by_query, by_subscription, unasked
from crosstalk.auth.entry import Forged, entry, from_foreign_site, revoked
from crosstalk.auth.forged import altered, confused, described, misquoted, parts, stripped, unsigned
from crosstalk.auth.ground import Ground, Revoking
from crosstalk.auth.minted import Minted
from crosstalk.auth.open import Unauthenticated
from crosstalk.auth.outlasting import expired_meanwhile, revoked_meanwhile
from crosstalk.model.attempt import MUST, Attempt, Must

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row. `needs` is the sentence that says why it can't be tried on a ground, or empty."""

    name: str
    says: str
    needs: Callable[[Ground], str]
    attempt: Callable[[Ground, str, str, Must], Awaitable[list[Attempt]]]


def _credentials(ground: Ground) -> str:
    return "users here have no credentials" if isinstance(ground.authenticator, Unauthenticated) else ""


def _secret(ground: Ground) -> str:
    return _credentials(ground) or ("" if ground.secret else "the credential does not say which part of it is secret")


def _jwt(ground: Ground) -> str:
    return "" if ground.jwt else "the credential is no JWT"


def _minted(ground: Ground) -> str:
    return "" if ground.minted is not None else "such a token can only be made where the key is: --auth jwt"


def _claim(name: str) -> Callable[[Ground], str]:
    def needs(ground: Ground) -> str:
        return _minted(ground) or (
            "" if name in (ground.minted or _NONE).claims else f"tokens have no {name} configured"
        )

    return needs


def _public_key(ground: Ground) -> str:
    return _jwt(ground) or (
        "" if ground.public_pem else "tokens are signed with a shared secret, so there is no public key"
    )


def _two_users(ground: Ground) -> str:
    if ground.user == ground.other:
        return "it takes two users, and only one can log in"
    return "" if ground.site.message else "users say nothing on their connections that the server could echo"


def _path(ground: Ground) -> str:
    return _two_users(ground) or ("" if "{user}" in ground.site.url else "the URL has no {user} in its path")


def _subscription(ground: Ground) -> str:
    return _two_users(ground) or ("" if ground.site.subscribe else "no message that subscribes is known: --subscribe")


def _revoking(ground: Ground) -> str:
    return "" if isinstance(ground.source, Revoking) else "no way to take a token back is known here"


def _anybody(ground: Ground) -> str:
    return ""


class _NONE:
    claims: Mapping[str, Any] = {}


def _no_token(ground: Ground, good: Credential) -> list[Forged]:
    # the protocol that the server speaks stays: without it, it would refuse for another reason
    spoken = tuple(name for name in good.subprotocols if not name.startswith("jwt."))
    nothing = [Forged(Credential(good.user_id, subprotocols=spoken), "nothing at all")]
    if ground.says_who_first:
        nothing.append(Forged(ground.carrying(good, ""), "an empty token"))
    return nothing


def _garbage(ground: Ground, good: Credential) -> list[Forged]:
    return [Forged(ground.carrying(good, "crosstalk-garbage"), "a word that is no token")]


def _token(make: Callable[[Ground, str], str]) -> Callable[[Ground, Credential], list[Forged]]:
    def forge(ground: Ground, good: Credential) -> list[Forged]:
        token = make(ground, ground.token(good))
        return [Forged(ground.carrying(good, token), described(token))]

    return forge


def _claims(**changes: Callable[[float], Any]) -> Callable[[Ground, Credential], list[Forged]]:
    """A token that is good but for some claims, signed with the right key."""

    def forge(ground: Ground, good: Credential) -> list[Forged]:
        assert ground.minted is not None
        now = time.time()
        token = ground.minted.mint(good.user_id, **{name: make(now) for name, make in changes.items()}).value
        return [Forged(ground.carrying(good, token), described(token))]

    return forge


def _unsigned(ground: Ground, good: Credential) -> list[Forged]:
    """In the spellings that let it past a list of forbidden words (CVE-2020-28637 and kin)."""
    tokens = [unsigned(ground.token(good), alg) for alg in ("none", "None", "NONE")]
    return [Forged(ground.carrying(good, token), described(token)) for token in tokens]


def _confused(ground: Ground, good: Credential) -> list[Forged]:
    """The key as a file has it, and without the line end that some readers strip."""
    pem = ground.public_pem
    tokens = [confused(ground.token(good), key) for key in dict.fromkeys((pem, pem.strip()))]
    return [Forged(ground.carrying(good, token), described(token)) for token in tokens]


def _other_key(ground: Ground, token: str) -> str:
    """Signed well, with a key of the same kind that nobody knows."""
    if ground.minted is None:
        return misquoted(token)
    key = ground.minted.key
    strange = _strange(key.key_type, key.curve_name if isinstance(key, jwk.ECKey) else "")
    return _signed_like(ground.minted, strange, token, {})


def _key_in_header(ground: Ground, token: str) -> str:
    """Signed with a key that the token itself brings along (CVE-2018-0114)."""
    found = parts(token)
    assert found is not None
    key, algorithm = _strange("RSA", ""), "RS256"
    if str(found[0].get("alg", "")).startswith("ES"):
        key, algorithm = _strange("EC", "P-256"), "ES256"
    minted = Minted(key, algorithm)
    return _signed_like(minted, key, token, {"jwk": key.as_dict(private=False)})


def _signed_like(minted: Minted, key: jwk.Key, token: str, header: Mapping[str, Any]) -> str:
    found = parts(token)
    assert found is not None
    head = {**found[0], **header, "alg": minted.algorithm}
    registry = jws.JWSRegistry(algorithms=[minted.algorithm], strict_check_header=False)
    return jws.serialize_compact(head, json.dumps(found[1]), key, registry=registry)


@cache
def _strange(kind: str, curve: str) -> jwk.Key:
    """A key that nobody else has; one of each kind is enough, and RSA keys take long to make."""
    if kind == "RSA":
        return jwk.RSAKey.generate_key(2048)
    if kind == "EC":
        return jwk.ECKey.generate_key(curve)
    return jwk.OctKey.generate_key(512)


def prepare(ground: Ground) -> None:
    """Make the keys that nobody has: that takes too long to be done while answers are waited for."""
    if ground.jwt:
        _strange("RSA", "")
        if ground.minted is not None:
            _other_key(ground, ground.minted.mint(ground.user).value)


def _other_subject(ground: Ground, good: Credential) -> list[Forged]:
    """The other user's id in the claims, under one's own signature."""
    found = parts(ground.token(good))
    assert found is not None
    mine = {name: value for name, value in found[1].items() if isinstance(value, str) and ground.user in value}
    changes = {name: value.replace(ground.user, ground.other) for name, value in mine.items()} or {"sub": ground.other}
    token = altered(ground.token(good), changes)
    return [Forged(ground.carrying(good, token), described(token), ground.other)]


REFUSALS: tuple[Refusal, ...] = (
    Refusal("no token", "no token at all", _credentials, entry(_no_token)),
    Refusal("garbage", "a token that is none", _secret, entry(_garbage)),
    Refusal(
        "expired",
        "a token that expired an hour ago",
        _minted,
        entry(_claims(iat=lambda now: int(now) - 2 * HOUR, exp=lambda now: int(now) - HOUR)),
    ),
    Refusal(
        "not yet valid",
        "a token that will be valid in an hour",
        _minted,
        entry(_claims(nbf=lambda now: int(now) + HOUR, exp=lambda now: int(now) + 2 * HOUR)),
    ),
    Refusal(
        "wrong audience",
        "a token for another audience",
        _claim("aud"),
        entry(_claims(aud=lambda now: "crosstalk-another-audience")),
    ),
    Refusal(
        "wrong issuer",
        "a token of another issuer",
        _claim("iss"),
        entry(_claims(iss=lambda now: "https://crosstalk-another-issuer.example")),
    ),
    Refusal("alg none", "a token with no signature that says it needs none", _jwt, entry(_unsigned)),
    Refusal("signature stripped", "a token whose signature was cut off", _jwt, entry(_token(lambda _, t: stripped(t)))),
    Refusal("other key", "a token signed with another key", _jwt, entry(_token(_other_key))),
    Refusal("key in header", "a token that brings its own key along", _jwt, entry(_token(_key_in_header))),
    Refusal(
        "public key as secret", "a token signed (HS256) with the server's public key", _public_key, entry(_confused)
    ),
    Refusal(
        "altered subject",
        "a token in which the user's id was changed",
        lambda ground: _jwt(ground) or ("it takes two users" if ground.user == ground.other else ""),
        entry(_other_subject),
    ),
    Refusal("nobody else's events", "its own token and no trick at all", _two_users, unasked),
    Refusal("other's id in query", "its own token and another user's id in the query", _two_users, by_query),
    Refusal("other's id in header", "its own token and another user's id in a header", _two_users, by_header),
    Refusal("other's id in path", "its own token and another user's id in the path", _path, by_path),
    Refusal("other's id in message", "its own token and another user's id in a message", _two_users, by_message),
    Refusal("other's channel", "a subscription to another user's channel by name", _subscription, by_subscription),
    Refusal("foreign site", "good credentials, from the page of a foreign site (Origin)", _anybody, from_foreign_site),
    Refusal("revoked", "a token that was taken back", _revoking, revoked),
    Refusal("expired meanwhile", "a token that expired while it was connected", _minted, expired_meanwhile),
    Refusal("revoked meanwhile", "a token that was taken back while it was connected", _revoking, revoked_meanwhile),
)
NAMES = tuple(refusal.name for refusal in REFUSALS)

_LATER = ("revoked", "expired meanwhile", "revoked meanwhile")
PRESETS: dict[str, dict[str, Must]] = {
    # what no server has an excuse for; stateless tokens can't be taken back, and the origin matters with cookies only
    "default": {name: "allowed" if name in (*_LATER, "foreign site") else "refused" for name in NAMES},
    "cookie": {name: "allowed" if name in _LATER else "refused" for name in NAMES},
    # and in a way that a client understands
    "strict": dict.fromkeys(NAMES, "properly"),
    "none": dict.fromkeys(NAMES, "allowed"),
}


def demanded(preset: str, changes: Mapping[str, str] | None = None, *, carrier: str = "") -> dict[str, Must]:
    """What must happen, by refusal. Raises ValueError with one sentence for a name that is none.

    `carrier` is its kind: cookies bring the origin in, and where users say who they are by their first message every
    connection is open at first, so that being left unserved is refusal enough.
    """
    if preset not in PRESETS:
        raise ValueError(f"{preset!r} is no preset of refusals: give one of {', '.join(PRESETS)}")
    found = dict(PRESETS["cookie" if preset == "default" and carrier == "cookie" else preset])
    if carrier == "message":
        found = {name: "unserved" if must == "refused" else must for name, must in found.items()}
    for name, said in (changes or {}).items():
        if name not in found:
            raise ValueError(f"{name!r} is no refusal: give one of {', '.join(NAMES)}")
        must = next((word for word in MUST if word == said), None)
        if must is None:
            raise ValueError(f"{name!r} can't be {said!r}: give one of {', '.join(MUST)}")
        found[name] = must
    return found
