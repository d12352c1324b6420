"""Feedback: breeds from runs that reached something new.

After Böhme, Pham, Roychoudhury: Coverage-based Greybox Fuzzing as Markov Chain, CCS 2016: runs that reached rare cells
are bred from more often. A cell says what came and went while one send or call was waiting: how many connects,
disconnects, moves of the clock and cancellations, whether its own connection had gone or had another user by then. That
is where hand-overs between users are lost. A child plays its parent's tape up to a random point, then goes on at
random or on a slow network; its genome is its parent's, mostly with a few bytes changed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from crosstalk.schedule.loop import Gates, Strategy
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.random_walk import RandomWalk

Seed = tuple[str, bytes, tuple[int, ...]]
"""Family of programs, genome, tape."""


class Feedback:
    """`breed` gives the next seed, `begin` and `choose` play it, `learn` takes in what a run reached."""

    def __init__(self, source: random.Random, room: int = 512) -> None:
        self.source = source
        self.room = room
        self.ways: tuple[Strategy, ...] = (
            RandomWalk(source),
            PCT(source, 2, slow=True),
            PCT(source, 3, slow=True),
        )
        self.way: Strategy = self.ways[0]
        self.seen: dict[object, int] = {}
        self.corpus: list[tuple[Seed, tuple[object, ...]]] = []
        self.prefix: tuple[int, ...] = ()
        self.position = 0

    def breed(self) -> Seed | None:
        """A child of one of the kept seeds; None while there is none."""
        if not self.corpus:
            return None
        source = self.source
        # of a few, the one whose rarest cell is rarest
        chosen = min(
            (self.corpus[int(source.random() * len(self.corpus))] for _ in range(3)),
            key=lambda entry: min(self.seen[cell] for cell in entry[1]),
        )
        family, genome, tape = chosen[0]
        changed = bytearray(genome)
        for _ in range(source.choice((0, 1, 1, 2, 4))):
            changed[int(source.random() * len(changed))] = source.randrange(256)
        if source.random() < 0.2:
            other = source.choice(self.corpus)[0]
            if other[0] == family:
                cut = int(source.random() * len(changed))
                changed[cut:] = other[1][cut:]
        self.prefix = tape[: int(source.random() * (len(tape) + 1))]
        return family, bytes(changed), self.prefix

    def learn(self, seed: Seed, cells: Iterable[object]) -> None:
        """Keep `seed` when it reached a cell that few runs had."""
        seen = self.seen
        rare = []
        for cell in cells:
            count = seen[cell] = seen.get(cell, 0) + 1
            if count <= 3:
                rare.append(cell)
        if rare:
            if len(self.corpus) >= self.room:
                self.corpus[int(self.source.random() * self.room)] = (seed, tuple(rare))
            else:
                self.corpus.append((seed, tuple(rare)))

    def begin(self) -> None:
        self.position = 0
        self.way = self.source.choice(self.ways)
        self.way.begin()

    def choose(self, gates: Gates, can_hold: bool) -> int:
        if self.position < len(self.prefix):
            choice = self.prefix[self.position]
            self.position += 1
            if choice <= len(gates) + can_hold:
                return choice
        return self.way.choose(gates, can_hold)
