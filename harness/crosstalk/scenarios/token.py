"""A counterexample as one short token, compressed and URL-safe: target and how it is called, program and tape."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import msgspec

from crosstalk.scenarios.program import Program


class Counterexample(msgspec.Struct, frozen=True, array_like=True):
    target: str
    check: str
    cause: str
    strategy: str
    program: Program
    tape: tuple[int, ...]
    names: dict[str, str] = {}
    guarantees: dict[str, Any] = {}


def write(counterexample: Counterexample) -> str:
    packed = zlib.compress(msgspec.msgpack.encode(counterexample), 9)
    return "ct1-" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read(token: str) -> Counterexample:
    """Raises ValueError with one sentence when `token` is none of ours or damaged."""
    token = token.strip()
    if not token.startswith("ct1-"):
        raise ValueError("this is no crosstalk token: it should begin with ct1-")
    body = token[4:]
    try:
        raw = zlib.decompress(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return msgspec.msgpack.decode(raw, type=Counterexample)
    except (binascii.Error, zlib.error, msgspec.DecodeError, ValueError):
        raise ValueError("this crosstalk token is damaged: copy it again, whole") from None
