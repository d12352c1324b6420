"""Parts for users' own properties: programs and tapes for Hypothesis, and a loop factory for pytest-asyncio.

Hypothesis draws one byte string a program and one a tape: a structured draw would cost more than the run.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from crosstalk.scenarios.program import FAMILIES, Program, decode
from crosstalk.schedule.loop import VirtualLoop
from crosstalk.schedule.strategies.random_walk import RandomWalk

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["programs", "tapes", "virtual_loop"]

_SMALL = tuple(family for family in FAMILIES if family not in ("wide", "long"))


def programs(family: str = "any") -> SearchStrategy[Program]:
    """A Hypothesis strategy for programs of a small `family`. Raises ValueError for an unknown family."""
    from hypothesis import strategies as st

    if family not in _SMALL:
        raise ValueError(f"no small family of programs {family!r}; there are {', '.join(_SMALL)}")
    return st.binary(max_size=96).map(lambda genome: decode(genome, family))


def tapes() -> SearchStrategy[tuple[int, ...]]:
    """A Hypothesis strategy for tapes: the choices of a schedule, 0 for plain order."""
    from hypothesis import strategies as st

    return st.binary(max_size=128).map(lambda choices: tuple(byte % 8 for byte in choices))


def virtual_loop(seed: int = 0) -> VirtualLoop:
    """A fresh loop with virtual time: `asyncio.sleep(3600)` takes none of yours. Its schedule is drawn from `seed`."""
    return VirtualLoop(RandomWalk(random.Random(seed)))
