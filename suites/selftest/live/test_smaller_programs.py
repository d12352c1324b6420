"""Smaller programs to try after a live finding: smaller, still of two users or more, and in the end of few steps."""

import itertools

import pytest

from crosstalk.scenarios.live.program import READY, Close, LiveProgram, Open, Reset, Silent, Slow, draw
from crosstalk.scenarios.live.shrink import smaller


@pytest.mark.parametrize("round_", range(7))
def test_each_candidate_is_smaller_and_of_two_users_or_more(round_):
    program = draw(3, round_, 5)
    candidates = list(smaller(program, (1, 3)))
    assert len(candidates) > 5
    for made in candidates:
        assert made.steps < program.steps
        assert sum(map(bool, made.tracks)) >= 2
        for before, after in zip(program.tracks, made.tracks, strict=True):
            steps = iter(before)
            assert all(step in steps for step in after), "some of the same steps, in the same order"


def test_the_first_has_nobody_but_those_concerned_and_the_next_no_faults():
    program = next(p for r in range(50) if (p := draw(3, r, 5)).faults)
    alone, plain = itertools.islice(smaller(program, (1, 3)), 2)
    assert [bool(track) for track in alone.tracks] == [False, True, False, True, False]
    assert plain.faults == 0
    assert not any(isinstance(step, Close | Reset | Silent | Slow) for track in plain.tracks for step in track)


def test_what_takes_two_askers_comes_down_to_little():
    """As the examination goes about it, with a defect that shows whenever users 1 and 3 both ask for a run."""

    def shows(program):
        return all(any(type(step).__name__ == "Ask" for step in program.tracks[user]) for user in (1, 3))

    program = draw(3, 4, 5)
    candidates = smaller(program, (1, 3))
    while (candidate := next(candidates, None)) is not None:
        if shows(candidate):
            program, candidates = candidate, smaller(candidate, (1, 3))
    assert shows(program)
    assert program.steps <= 14
    assert not any(program.tracks[user] for user in (0, 2, 4))
    assert all(isinstance(program.tracks[user][0], Open) and READY in program.tracks[user] for user in (1, 3))


def test_of_one_user_nothing_smaller_is_tried():
    program = LiveProgram(((Open(0),), ()))
    assert list(smaller(program, (0,))) == []
