"""Canaries: tokens that say whose an event is, to anybody who holds the run key.

Layout, big-endian: run id (4 bytes), owner (4), run of the user (2), sequence number (4), then 8 bytes of keyed
BLAKE2b over those. Written as `ctk_` and 44 hexadecimal digits: URL-safe, of fixed length, and proof against a
broadcaster that changes letter case. A delivery is checked by scanning its bytes for tokens, so a leak is found in
any field, however deep, without asking anybody.
"""

from __future__ import annotations

import re
import struct
from hashlib import blake2b
from typing import NamedTuple

_HEAD = struct.Struct(">IIHI")
LENGTH = 48
TOKEN = re.compile(rb"ctk_[0-9a-f]{44}", re.IGNORECASE)


class Canary(NamedTuple):
    """What a token says: `run_id` of the harness's run, user number, the user's run, and sequence number."""

    run_id: int
    owner: int
    run: int
    sequence: int


def mint(key: bytes, canary: Canary) -> str:
    """The token of `canary` under the 16-byte `key`."""
    head = _HEAD.pack(*canary)
    return "ctk_" + (head + blake2b(head, digest_size=8, key=key).digest()).hex()


def read(key: bytes, token: str) -> Canary | None:
    """What `token` says, or None when it was not minted under `key`."""
    raw = bytes.fromhex(token[4:])
    head, mac = raw[: _HEAD.size], raw[_HEAD.size :]
    if blake2b(head, digest_size=8, key=key).digest() != mac:
        return None
    return Canary(*_HEAD.unpack(head))
