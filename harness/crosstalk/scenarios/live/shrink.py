"""Smaller programs than one that showed a defect, the boldest first.

A live run cannot be replayed exactly, so each is only tried: who tries one keeps it when the defect shows again, and
asks for smaller ones than that.
"""

from __future__ import annotations

from collections.abc import Iterator

from crosstalk.scenarios.live.program import READY, AnyStep, Ask, Await, LiveProgram, Meet, Open

_PLAIN = (Open, Ask, Await, Meet)


def smaller(program: LiveProgram, concerned: tuple[int, ...]) -> Iterator[LiveProgram]:
    """Nobody but `concerned`; no faults and reconnects; then without a half, a quarter, an eighth of each track."""
    if len(concerned) > 1:
        yield from _if_smaller(program, program.only(concerned))
    plain = (tuple(step for step in track if isinstance(step, _PLAIN) or step == READY) for track in program.tracks)
    yield from _if_smaller(program, LiveProgram(tuple(plain)))
    for parts in (2, 4, 8):
        for part in reversed(range(parts)):
            cut = LiveProgram(tuple(_without(track, part, parts) for track in program.tracks))
            yield from _if_smaller(program, cut)


def _if_smaller(program: LiveProgram, made: LiveProgram) -> Iterator[LiveProgram]:
    if made.steps < program.steps and sum(map(bool, made.tracks)) > 1:
        yield made


def _without(track: tuple[AnyStep, ...], part: int, parts: int) -> tuple[AnyStep, ...]:
    """The track without one of its `parts`; first connections and the wait after them stay."""
    start = track.index(READY) + 1 if READY in track else 0
    length = len(track) - start
    begin, end = (start + length * at // parts for at in (part, part + 1))
    return (*track[:begin], *track[end:])


__all__ = ["smaller"]
