"""Tokens that exist already, from a file or the environment: one a user, or one for all.

A file is JSON, an object of user and token, or lines `USER TOKEN`; `#` begins a comment. Only these users can log in,
so a run uses them and no synthetic ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.tokens import Token


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """`tokens` by user; `shared` is the token of every user that has none of its own."""

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    shared: str = field(default="", repr=False)

    @property
    def users(self) -> tuple[str, ...]:
        return () if self.shared else tuple(self.tokens)

    async def issue(self, user_id: str) -> Token:
        value = self.tokens.get(user_id, self.shared)
        if not value:
            raise AuthenticationFailed(
                f"there is no token for {user_id!r}: the {len(self.tokens)} users that have one are the only ones"
            )
        return Token(value)

    async def renew(self, user_id: str, token: Token) -> Token:
        """The same token: nobody here can make another."""
        return await self.issue(user_id)

    async def close(self) -> None:
        pass


def read_tokens(text: str, source: str) -> dict[str, str]:
    """User -> token out of `text`; `source` names it in errors. Raises ValueError that shows no token."""
    found: dict[str, str] = {}
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            raise ValueError(f'{source} begins with a brace but is no JSON: give {{"user": "token", …}}') from None
        if not all(isinstance(token, str) and token for token in found.values()):
            raise ValueError(f"{source} must give one text, not empty, for each user")
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            words = line.split()
            if len(words) != 2:
                raise ValueError(
                    f"{source}, line {number}, has {len(words)} words: give a user and a token with a blank between"
                )
            if words[0] in found:
                raise ValueError(f"{source}, line {number}, names the user {words[0]!r} for the second time")
            found[words[0]] = words[1]
    if not found:
        raise ValueError(f"{source} holds no token")
    return found


def read_tokens_file(path: Path) -> dict[str, str]:
    """As `read_tokens`, from a file. Raises ValueError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"{path} could not be read: {reason}") from None
    return read_tokens(text, str(path))
