"""How a token travels to a WebSocket server: one table, KIND -> where on the `Credential` it goes.

A carrier is written `KIND`, `KIND:NAME` or `message:TEMPLATE`:

    header                  Authorization: Bearer TOKEN
    header:X-Api-Key        X-Api-Key: TOKEN
    subprotocol             Sec-WebSocket-Protocol: jwt-auth, jwt.BASE64URL(TOKEN); jwt-auth is what the server accepts
    subprotocol:chat.v1     the same with another accepted protocol beside it
    query                   ?token=TOKEN
    query:access_token      ?access_token=TOKEN
    cookie                  Cookie: token=TOKEN
    cookie:session          Cookie: session=TOKEN
    message                 {"type":"authenticate","token":"TOKEN"} as the first frame
    message:TEMPLATE        TEMPLATE as the first frame, with {token} and {user} in it

Base64url is without padding: `=` is no character of a subprotocol's name (RFC 6455 section 4.1, RFC 9110 token).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crosstalk.auth.base import Credential

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 token


def _header(name: str, user_id: str, token: str) -> dict[str, Any]:
    value = f"Bearer {token}" if name.lower() == "authorization" else token
    return {"headers": ((name, value),)}


def _subprotocol(name: str, user_id: str, token: str) -> dict[str, Any]:
    encoded = base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()
    return {"subprotocols": (name, f"jwt.{encoded}")}


def _query(name: str, user_id: str, token: str) -> dict[str, Any]:
    return {"query": ((name, token),)}


def _cookie(name: str, user_id: str, token: str) -> dict[str, Any]:
    return {"cookies": ((name, token),)}


def _message(template: str, user_id: str, token: str) -> dict[str, Any]:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)[1:-1]

    # in one pass: a user may be called {token}
    values = {"{token}": quoted(token), "{user}": quoted(user_id)}
    return {"first_message": re.sub(r"\{(?:token|user)\}", lambda found: values[found[0]], template)}


# kind -> (where the token goes, the name when none is given)
CARRIERS: dict[str, tuple[Callable[[str, str, str], dict[str, Any]], str]] = {
    "header": (_header, "Authorization"),
    "subprotocol": (_subprotocol, "jwt-auth"),
    "query": (_query, "token"),
    "cookie": (_cookie, "token"),
    "message": (_message, '{"type":"authenticate","token":"{token}"}'),
}


@dataclass(frozen=True, slots=True)
class Carrier:
    """One row of the table with its name filled in. Made by `parse`."""

    kind: str = "header"
    name: str = "Authorization"

    @classmethod
    def parse(cls, text: str) -> Carrier:
        """The carrier that `text` says. Raises ValueError with one sentence."""
        kind, colon, name = text.strip().partition(":")
        if kind not in CARRIERS:
            raise ValueError(f"{kind!r} is no way to carry a token: give one of {', '.join(CARRIERS)}")
        if colon and not name:
            raise ValueError(f"{text!r} ends in a colon: give {kind} alone or {kind}:NAME")
        name = name or CARRIERS[kind][1]
        if kind == "message":
            if "{token}" not in name:
                raise ValueError(f"the first message {name!r} has no {{token}} in it: the server would never see it")
        elif kind != "query" and not NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a {kind}: it has a character that HTTP forbids there")
        return cls(kind, name)

    def credential(self, user_id: str, token: str, *, expires: float | None = None) -> Credential:
        """A credential of `user_id` that carries `token`."""
        place = CARRIERS[self.kind][0]
        return Credential(user_id, expires=expires, secrets=(token,), **place(self.name, user_id, token))

    def __str__(self) -> str:
        return self.kind if self.name == CARRIERS[self.kind][1] else f"{self.kind}:{self.name}"
