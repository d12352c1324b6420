"""Each strategy is tested on what it finds: races of a known depth among a few lanes, by the number of schedules.

A race is played on gates alone, without a loop: each lane owes its answers one after another, the strategy chooses
which open gate is answered next, and the race is lost when given answers come in a given order.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Sequence
from itertools import islice

import pytest

from crosstalk.examination import explore, mix, open_target
from crosstalk.reference.hub import Hub
from crosstalk.scenarios.program import Wait, draw
from crosstalk.scenarios.world import World
from crosstalk.schedule.loop import UNSEEN, Gate, Gates, Strategy
from crosstalk.schedule.strategies.feedback import Feedback
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.pos import POS
from crosstalk.schedule.strategies.random_walk import RandomWalk
from crosstalk.schedule.strategies.replay import Replay

LANES, EACH = 3, 6
Answer = tuple[int, int]
"""The number of a lane, and which of its answers."""

# Orders in which the answers must come, each unlikely where lanes advance at the same pace.
DEPTH_1 = ((0, 5), (1, 0))  # one lane wholly before another
DEPTH_2 = ((0, 1), (1, 4), (0, 2))  # most of a lane between two neighbours of another
DEPTH_3 = ((0, 1), (1, 4), (0, 2), (1, 5))  # and the rest of it only after that


def play(strategy: Strategy, holds: bool = False) -> tuple[list[Answer], list[int]]:
    """The answers in the order given, and the choices made. With `holds` none may be chosen, once in a row."""
    strategy.begin()
    owed = [list(range(EACH)) for _ in range(LANES)]
    gates = Gates(Gate(lane, "send", lambda: None) for lane in range(LANES))
    order: list[Answer] = []
    tape: list[int] = []
    held = False
    while gates:
        can_hold = holds and not held
        choice = strategy.choose(gates, can_hold)
        assert 0 <= choice <= len(gates) + can_hold
        tape.append(choice)
        held = choice == len(gates) + 1
        if held:
            continue
        for gate in list(gates) if choice == 0 else [gates[choice - 1]]:
            gates.remove(gate)
            gate.priority = UNSEEN
            order.append((gate.lane, owed[gate.lane].pop(0)))
            if owed[gate.lane]:
                gates.append(Gate(gate.lane, "send", lambda: None))
    return order, tape


def lost(order: Sequence[Answer], race: Sequence[Answer]) -> bool:
    places = [order.index(answer) for answer in race]
    return places == sorted(places)


def schedules_until_lost(make: Callable[[random.Random], Strategy], race: Sequence[Answer], most: int) -> int:
    strategy = make(random.Random(1))
    for count in range(1, most + 1):
        if lost(play(strategy)[0], race):
            return count
    return most + 1


MAKERS: dict[str, Callable[[random.Random], Strategy]] = {
    "random walk": RandomWalk,
    "PCT-1": lambda source: PCT(source, 1, length=LANES * EACH),
    "PCT-2": lambda source: PCT(source, 2, length=LANES * EACH),
    "PCT-3": lambda source: PCT(source, 3, length=LANES * EACH),
    "POS": POS,
    "feedback": Feedback,
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_answer_is_given_once_and_in_its_lane_s_order(name):
    strategy = MAKERS[name](random.Random(3))
    for number in range(100):
        order, _ = play(strategy, holds=number % 2 == 0)
        assert sorted(order) == [(lane, answer) for lane in range(LANES) for answer in range(EACH)]
        for lane in range(LANES):
            assert [answer for other, answer in order if other == lane] == list(range(EACH))


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_source_gives_the_same_schedules(name):
    first, second = (MAKERS[name](random.Random(9)) for _ in range(2))
    assert [play(first, True) for _ in range(20)] == [play(second, True) for _ in range(20)]


def test_plain_order_finds_none_of_them():
    order, tape = play(Plain())
    assert not any(tape)
    assert not any(lost(order, race) for race in (DEPTH_1, DEPTH_2, DEPTH_3))


@pytest.mark.parametrize(("depth", "race"), [(1, DEPTH_1), (2, DEPTH_2), (3, DEPTH_3)])
def test_pct_finds_a_race_of_its_depth_as_often_as_it_promises(depth, race):
    """At least once in n k^(d-1) schedules on average (Burckhardt and others, 2010), for n lanes and k steps.

    In ten times as many it misses with a probability below e^-10.
    """
    promised = LANES * (LANES * EACH) ** (depth - 1)
    assert schedules_until_lost(MAKERS[f"PCT-{depth}"], race, 10 * promised) <= 10 * promised


@pytest.mark.parametrize(("depth", "race"), [(1, DEPTH_2), (2, DEPTH_3)])
def test_pct_never_finds_a_race_that_is_deeper(depth, race):
    """With d - 1 change points a lane can be interrupted d - 1 times at the most."""
    assert schedules_until_lost(MAKERS[f"PCT-{depth}"], race, 3_000) == 3_001


def test_on_a_slow_network_users_come_and_go_before_anything_is_answered():
    def answered_first(slow: bool) -> set[str]:
        strategy, kinds = PCT(random.Random(2), 1, slow=slow), set()
        for _ in range(200):
            gates = Gates(Gate(lane, kind, lambda: None) for lane, kind in enumerate(("send", "arrival", "send")))
            strategy.begin()
            kinds.add(gates[strategy.choose(gates, False) - 1].kind)
        return kinds

    assert answered_first(slow=True) == {"arrival"}
    assert answered_first(slow=False) == {"arrival", "send"}


@pytest.mark.parametrize("name", ["random walk", "POS", "PCT-3"])
def test_the_others_find_a_race_of_depth_2_too(name):
    assert schedules_until_lost(MAKERS[name], DEPTH_2, 3_000) <= 3_000


@pytest.mark.parametrize("name", MAKERS)
def test_a_replay_gives_the_same_order(name):
    strategy = MAKERS[name](random.Random(5))
    for _ in range(30):
        order, tape = play(strategy, holds=True)
        assert play(Replay(tape), holds=True) == (order, tape)


def test_a_replay_goes_on_in_plain_order_where_the_tape_ends_or_does_not_fit():
    order, tape = play(Replay((2, 99)))
    assert order[0] == (1, 0)
    assert tape[0] == 2 and not any(tape[1:])


class _Safe:
    """A safe whose dials show how far each is right: a cell for each right byte from the start."""

    def __init__(self) -> None:
        self.right = bytes(random.Random(77).randbytes(4))

    def cells(self, genome: bytes) -> list[object]:
        return [count for count in range(1, 5) if genome[:count] == self.right[:count]]


def opened_after(most: int, learning: bool) -> int:
    """Genomes tried until the safe opens, half of them bred where `learning`."""
    safe, source = _Safe(), random.Random(4)
    feedback = Feedback(source)
    for count in range(most):
        bred = feedback.breed() if learning and count % 2 else None
        family, genome, tape = bred or ("any", source.randbytes(4), ())
        cells = safe.cells(genome)
        if 4 in cells:
            return count
        if learning:
            feedback.learn((family, genome, tape), cells)
    return most


def test_feedback_goes_from_one_new_thing_to_the_next():
    """By chance four right bytes take 256^4 tries; one after another, each about 256 tries of a mutation that fits."""
    assert opened_after(60_000, learning=True) < 60_000
    assert opened_after(60_000, learning=False) == 60_000


def test_feedback_keeps_what_is_rare_and_breeds_from_it():
    feedback = Feedback(random.Random(1), room=4)
    assert feedback.breed() is None
    for number in range(50):
        feedback.learn(("any", bytes([number]) * 8, (1, 2, 3)), ["common"])
    feedback.learn(("wide", b"\xff" * 8, (1, 2, 3)), ["rare"])
    assert len(feedback.corpus) <= 4
    families = [feedback.breed()[0] for _ in range(200)]
    assert families.count("wide") > 60
    for _ in range(50):
        _, genome, tape = feedback.breed()
        assert len(genome) == 8 and tape == (1, 2, 3)[: len(tape)]


def test_a_run_is_gone_when_it_is_over():
    """Neither a strategy keeps a world of the past, nor is one left in a circle for the garbage collector to find."""
    examination, program = open_target(Hub), draw(random.Random(1), "any")
    gc.collect()
    gc.disable()
    try:
        for _, strategy in mix(random.Random(0)):
            examination.run(program, strategy)
        assert not [thing for thing in gc.get_objects() if type(thing) is World]
    finally:
        gc.enable()


class Expiring(Hub):
    """Each log-in is good for five seconds, and each event takes five milliseconds to be made."""

    async def connect(self, user_id, websocket):
        await super().connect(user_id, websocket)
        asyncio.get_running_loop().call_later(5, int)

    async def broadcast_to_user(self, user_id, event):
        await asyncio.sleep(0.005)
        await super().broadcast_to_user(user_id, event)


def test_time_moves_so_close_to_a_timer_that_it_fires_while_something_is_under_way():
    programs = (run.program for run in islice(explore(open_target(Expiring)), 200))
    waits = {step.seconds for program in programs for track in program.tracks for step in track if type(step) is Wait}
    assert any(4.995 < seconds < 5 for seconds in waits) and any(5 < seconds < 5.1 for seconds in waits)
