"""A counterexample as one short token, compressed and URL-safe: target and how it is called, program and tape."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Any

import msgspec

from crosstalk.scenarios.program import Program

MOST = 8 * 1024 * 1024
_VERSION = re.compile(r"ct(\d{1,4})-")


class Counterexample(msgspec.Struct, frozen=True, array_like=True):
    """`digest` is that of the broadcaster's file (see `targets.loader.digest`) when the token was made."""

    target: str
    check: str
    cause: str
    strategy: str
    program: Program
    tape: tuple[int, ...]
    names: dict[str, str] = {}
    guarantees: dict[str, Any] = {}
    digest: str = ""


def write(counterexample: Counterexample) -> str:
    packed = zlib.compress(msgspec.msgpack.encode(counterexample), 9)
    return "ct1-" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read(token: str) -> Counterexample:
    """Raises ValueError with one sentence when `token` is none of ours, damaged, or of another version."""
    token = token.strip()
    version = _VERSION.match(token)
    if version is None:
        raise ValueError("this is no file or folder that is there, and no crosstalk token: it should begin with ct1-")
    if version[1] != "1":
        raise ValueError(
            f"this token was made by another version of crosstalk (ct{version[1]}; this one reads ct1): "
            "replay it with that version, or let crosstalk check find the defect again"
        )
    body = token[4:]
    try:
        raw = _unpacked(base64.b64decode(body + "=" * (-len(body) % 4), b"-_", validate=True))
        loose = msgspec.msgpack.decode(raw)
    except (binascii.Error, zlib.error, msgspec.DecodeError, ValueError):
        raise ValueError("this crosstalk token is damaged: copy it again, whole") from None
    try:
        return msgspec.convert(loose, Counterexample)
    except (msgspec.ValidationError, RecursionError):
        raise ValueError(
            "this token was made by another version of crosstalk, whose programs this one does not know: "
            "replay it with that version, or let crosstalk check find the defect again"
        ) from None


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(packed, MOST)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("not whole, or larger than any token")
    return raw
