"""The claims of a token as a template: `{user}` in any text stands for the user's id.

What is not said is filled in: `sub` is the user, `iat` now, `exp` now plus the lifetime, `iss` crosstalk, `jti` fresh
for each token. A claim that is given as None is left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any


def filled(template: Mapping[str, Any], user_id: str, now: float, lifetime: float) -> dict[str, Any]:
    """The claims of one token of `user_id` made at `now` (Unix seconds)."""
    usual: dict[str, Any] = {
        "sub": "{user}",
        "iat": int(now),
        "exp": int(now + lifetime),
        "iss": "crosstalk",
        "jti": uuid.uuid4().hex,
    }
    whole = {**usual, **template}
    return {name: _with_user(value, user_id) for name, value in whole.items() if value is not None}


def _with_user(value: Any, user_id: str) -> Any:
    if isinstance(value, str):
        return value.replace("{user}", user_id)
    if isinstance(value, Mapping):
        return {key: _with_user(inner, user_id) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_user(inner, user_id) for inner in value]
    return value
