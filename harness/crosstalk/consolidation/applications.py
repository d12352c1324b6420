"""Where OLD and NEW must be broadcasters, a whole application is refused."""

from __future__ import annotations

from crosstalk.examination import Examination
from crosstalk.targets.loader import TargetError


def refuse_applications(why: str, *sides: Examination) -> None:
    """Raises TargetError for an `asgi:` target, where one is of no use."""
    for side in sides:
        if side.target.startswith("asgi:"):
            raise TargetError(
                f"{side.target} is an ASGI application, and {why}: give the broadcaster inside it, as module:attribute"
            )
