"""Whose is it: what the harness has told to whom, so that whatever comes back can be traced to its owner.

Each run is given a canary, a run id and a thread id, none of which anybody could guess. A canary proves its owner by
itself; ids are remembered here. Where the server makes run ids of its own, one is learned when it comes together with a
canary, provided that it looks like an id that is never given twice. Should it then come with a canary of somebody else
all the same, it is nobody's: an id of the server, or of a room.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from hashlib import blake2b

from crosstalk.model.canary import Canary, mint, read

NOBODY = (-1, -1, -1)
_UNIQUE = re.compile(
    r"(?:[a-z]{1,12}[-_])?"
    r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{24,}|[0-9A-HJKMNP-TV-Z]{26}"
    r"|(?=\w*\d)(?=\w*[A-Z])(?=\w*[a-z])[0-9A-Za-z]{20,})"
)
ROUNDS_KEPT = 3


@dataclass(slots=True)
class Known:
    """What has been told. Values are (owner, round, number of the run in that round).

    `telling` are the event types that tell their run by an id; `unfinished` the users with a run that has not been
    completed in its round, so that more of it may come in a later one.
    """

    key: bytes
    users: tuple[str, ...]
    names: dict[str, int] = field(default_factory=dict)
    tokens: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)
    runs: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    learned: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    telling: set[str] = field(default_factory=set)
    unfinished: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names = {name: number for number, name in enumerate(self.users)}

    def canary(self, round_: int, owner: int, number: int, run: int) -> str:
        """The canary of run `run` of the round, which is the owner's `number`th."""
        return mint(self.key, Canary(round_ & 0xFFFFFFFF, owner, number & 0xFFFF, run))

    def run_id(self, token: str, owner: int, round_: int, run: int) -> str:
        """A run id for the run of canary `token`, told to nobody but its owner."""
        made = self._id(f"run {token}")
        self.runs[made] = (owner, round_, run)
        return made

    def thread_id(self, owner: int, number: int) -> str:
        """The id of the owner's `number`th thread."""
        made = self._id(f"thread {number} of {owner}")
        self.threads[made] = owner
        return made

    def proven(self, token: bytes) -> tuple[int, int, int]:
        """Whose canary this is; NOBODY for one of another key."""
        found = self.tokens.get(token)
        if found is None:
            said = read(self.key, token.decode())
            found = (
                NOBODY if said is None or said.owner >= len(self.users) else (said.owner, said.run_id, said.sequence)
            )
            if len(self.tokens) > 200_000:
                self.tokens.clear()
            self.tokens[token] = found
        return found

    def learn(self, run_id: str, owner: int, round_: int, run: int) -> None:
        """The server gave this run of the owner an id of its own."""
        self.runs.setdefault(run_id, (owner, round_, run))
        self.learned.add(run_id)

    def share(self, run_id: str) -> None:
        """The server gave this id to more than one user."""
        self.shared.add(run_id)
        self.learned.discard(run_id)
        self.runs.pop(run_id, None)

    def unique(self, run_id: str) -> bool:
        """Whether it looks like an id that is never given twice: a UUID, a ULID, much hexadecimal or base 62."""
        return run_id not in self.shared and _UNIQUE.fullmatch(run_id) is not None

    def forget(self, round_: int) -> None:
        """Drop what was told long before `round_`."""
        old = round_ - ROUNDS_KEPT
        self.runs = {run_id: told for run_id, told in self.runs.items() if told[1] > old}
        self.learned &= self.runs.keys()
        self.tokens.clear()

    def _id(self, what: str) -> str:
        return str(uuid.UUID(bytes=blake2b(what.encode(), digest_size=16, key=self.key).digest(), version=4))
