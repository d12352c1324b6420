"""What happened when somebody tried to get in: plain data, one `Attempt` for each credential that must be refused.

An attempt is never alone: `allowed` is the answer to the same request with good credentials, just before. What counts
as being let in is therefore not a matter of taste: it is to be given what a good user is given (see `Attempt`), or to
hear what belongs to somebody else.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["open", "closed", "refused", "no answer", "unreachable"]
Must = Literal["refused", "properly", "upgrade", "1008", "unserved", "allowed"]
MUST: dict[Must, str] = {
    "refused": "not let in: refused at the upgrade, or closed",
    "properly": "refused with a 4xx status, or closed with 1008, 3000, 3003 or 4000 to 4999",
    "upgrade": "refused at the upgrade with a 4xx status",
    "1008": "closed with code 1008",
    "unserved": "given nothing that good users are given, be the connection open or not",
    "allowed": "not tried: it is allowed",
}


DENIAL = "a denial in words"
"""The shape of a frame that says no; never part of a proof."""


class Heard(msgspec.Struct, frozen=True):
    """`listener`'s connection was sent what belongs to `owner`."""

    listener: str
    owner: str


class Answer(msgspec.Struct, frozen=True):
    """How a server answered one connection.

    `refused` has the HTTP `status` of the upgrade, 0 where the transport has a word of its own for it; `closed` the
    close `code` (1006: none came). `open` means still open when we had listened for `seconds`. `frames` are the shapes
    of what was sent in answer (see auth/knock.py), `echoed` those in which the connection got its own words back.
    """

    kind: Kind
    status: int = 0
    code: int = 0
    reason: str = ""
    frames: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    echoed: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.kind == "refused":
            return f"refused with {self.status}" if self.status else f"refused: {self.reason}"
        if self.kind == "closed":
            why = f" ({self.reason})" if self.reason else ""
            return "dropped without a close frame" if self.code == 1006 else f"closed with {self.code}{why}"
        if self.kind == "open":
            count = len(self.frames)
            sent = "nothing" if not count else f"frames of {count} kind{'s' * (count != 1)}"
            return f"open after {self.seconds:.1f} s and answered with {sent}"
        return f"{self.kind}{': ' * bool(self.reason)}{self.reason}"


class Attempt(msgspec.Struct, frozen=True):
    """One credential that must be refused, tried once. `request` is exact but for the secrets, which are redacted.

    A connection is served like a good user's when its own words come back to it in a frame of one of the shapes
    `echoes`, in which good users get theirs back; where the server repeats nothing, when it gets all of `proof`, the
    shapes that came each time with good credentials.

    With `owner` set the question is another: what belongs to `owner` must be heard by nobody else, whether the
    connection is let in or not.
    """

    refusal: str
    says: str
    must: Must
    user: str
    request: str
    allowed: Answer
    answer: Answer
    proof: tuple[str, ...] = ()
    echoes: tuple[str, ...] = ()
    owner: str = ""


class Exchange(msgspec.Struct, frozen=True):
    """An attempt as a report shows it: `user` knocked with what `says`, by `request`; how that must be answered, how it
    was, and how the same request was with good credentials, just before."""

    user: str
    says: str
    request: tuple[str, ...]
    must: str
    answer: str
    allowed: str


class Attempts(msgspec.Struct, frozen=True):
    """Everything that was tried at one server. `skipped` says why a refusal could not be tried there."""

    url: str
    attempts: tuple[Attempt, ...]
    skipped: dict[str, str] = {}
