"""Tokens as an attacker would make them, out of a good one or of nothing. Pure functions on text.

What each tries is described in RFC 8725 (JSON Web Token Best Current Practices), sections 2 and 3.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str] | None:
    """Header, claims and signature of a signed JWT; None for any other token."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    try:
        header, claims = (json.loads(_decoded(piece)) for piece in pieces[:2])
    except ValueError:
        return None
    return (header, claims, pieces[2]) if isinstance(header, dict) and isinstance(claims, dict) else None


def joined(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes | str = b"") -> str:
    """The compact form; a signature given as text is encoded already."""
    text = signature if isinstance(signature, str) else _encoded(signature)
    return f"{_encoded(_json(header))}.{_encoded(_json(claims))}.{text}"


def unsigned(token: str, alg: str = "none") -> str:
    """`alg: none` (RFC 8725 section 2.1): no signature, and a header that says none is needed."""
    header, claims, _ = _taken_apart(token)
    return joined({**header, "alg": alg}, claims)


def stripped(token: str) -> str:
    """The header still names the algorithm, and the signature is gone."""
    return token.rpartition(".")[0] + "."


def altered(token: str, changes: Mapping[str, Any]) -> str:
    """Claims changed, under the signature of the good token."""
    header, claims, signature = _taken_apart(token)
    return joined(header, {**claims, **changes}, signature)


def confused(token: str, public_pem: bytes) -> str:
    """HS256 with the server's public key as the secret (RFC 8725 section 2.1, key confusion)."""
    header, claims, _ = _taken_apart(token)
    signed = joined({**header, "alg": "HS256"}, claims).rpartition(".")[0]
    return f"{signed}.{_encoded(hmac.new(public_pem, signed.encode(), hashlib.sha256).digest())}"


def misquoted(token: str) -> str:
    """The token with a signature of the right length that is not its own."""
    head, _, signature = token.rpartition(".")
    raw = _decoded(signature)
    return f"{head}.{_encoded(bytes(byte ^ 0x55 for byte in raw))}"


def described(token: str) -> str:
    """What a token claims to be, without anything that lets somebody in: no signature."""
    found = parts(token)
    if found is None:
        return f"a token of {len(token)} characters that is no JWT"
    header, claims, signature = found
    kept = "no signature" if not signature else f"a signature of {len(_decoded(signature))} bytes"
    return f"JWT header {json.dumps(header)} claims {json.dumps(claims, ensure_ascii=False)}, {kept}"


def _taken_apart(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    found = parts(token)
    if found is None:
        raise ValueError("not a signed JWT")
    return found


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
