"""What `check_all` proves in one walk is what the checks find one by one: on explored runs and spoiled histories."""

import copy
import itertools
import random
from pathlib import Path

import pytest

from crosstalk.checks import CHECKS, check_all
from crosstalk.checks.clean import opportunities
from crosstalk.examination import control_program, explore, open_target
from crosstalk.model.history import ACCEPTED, FAILED, NEVER, PENDING, History
from crosstalk.reference.hub import Hub

ZOO = Path(__file__).parents[1] / "zoo"
COLUMNS = ("send_episode", "send_frame", "send_start", "send_end", "send_status")


def one_by_one(history: History):
    return {name: check(history) for name, check in CHECKS.items()}


def test_a_run_of_a_correct_broadcaster_is_plainly_clean():
    history = open_target(Hub).play(control_program())
    counts = opportunities(history)
    assert counts is not None
    assert counts == {name: CHECKS[name](history).opportunities for name in counts}
    assert counts["isolation"] == len(history.send_start) > 20 and counts["golden_path"] == 2


@pytest.mark.parametrize(
    "member",
    ["correct/gathered", "defective/tab_close", "defective/optimistic_round", "defective/everybody_when_absent"],
)
def test_explored_runs_are_judged_alike(member):
    runs = list(itertools.islice(explore(open_target(f"{ZOO / member}.py:create"), seed=3), 24))
    assert [run.results for run in runs] == [one_by_one(run.history) for run in runs]
    assert any(opportunities(run.history) for run in runs)


def other_receiver(history, row, source):
    history.send_episode[row] = source.randrange(len(history.episodes))


def other_frame(history, row, source):
    history.send_frame[row] = source.randrange(len(history.frames))


def lost(history, row, source):
    for column in COLUMNS:
        getattr(history, column).pop(row)


def twice(history, row, source):
    for column in COLUMNS:
        values = getattr(history, column)
        values.insert(row, values[row])


def swapped(history, row, source):
    other = source.randrange(len(history.send_frame))
    history.send_frame[row], history.send_frame[other] = history.send_frame[other], history.send_frame[row]


def not_accepted(history, row, source):
    history.send_status[row] = source.choice((PENDING, FAILED))


def accepted_late(history, row, source):
    history.send_end[row] = history.now + 1


def after_the_end(history, row, source):
    history.send_start[row] = history.now


def other_frame_text(history, row, source):
    frame = history.frames[history.send_frame[row]]
    field, value = source.choice(
        [
            ("altered", "type"),
            ("owner", history.users[0]),
            ("owner", None),
            ("type", "agent_completed"),
            ("others", (0,)),
            ("foreign", ("ctk_",)),
            ("content", source.randrange(-1, len(history.contents))),
            ("batch", (0, 1)),
        ]
    )
    setattr(frame, field, value)
    frame.event = None  # it is no longer an event just as it was published
    frame.types = ("agent_started", "agent_completed") if frame.batch else ()


def other_content(history, row, source):
    content = source.choice(history.contents)
    field, value = source.choice(
        [("publishes", 2), ("users", frozenset({0, 1})), ("run", 1), ("type", "agent_started")]
    )
    setattr(content, field, value)


def other_call(history, row, source):
    call = source.choice(history.calls)
    field, value = source.choice(
        [
            ("status", FAILED),
            ("status", PENDING),
            ("excused", True),
            ("returned", NEVER),
            ("user", 1),
            ("probe", True),
            ("started", history.now),
        ]
    )
    setattr(call, field, value)


def other_episode(history, row, source):
    episode = source.choice(history.episodes)
    field = source.choice(["connected", "leaving", "left", "excused"])
    setattr(episode, field, source.choice([NEVER, source.randrange(history.now)]))


SPOILINGS = (
    other_receiver,
    other_frame,
    lost,
    twice,
    swapped,
    not_accepted,
    accepted_late,
    after_the_end,
    other_frame_text,
    other_content,
    other_call,
    other_episode,
)


@pytest.mark.parametrize("spoil", SPOILINGS, ids=lambda spoil: spoil.__name__)
def test_a_spoiled_history_is_judged_alike(spoil):
    played = open_target(Hub).play(control_program())
    source = random.Random(spoil.__name__)
    assert list(played.send_status).count(ACCEPTED) == len(played.send_status)
    found = 0
    for _ in range(30):
        history = copy.deepcopy(played)
        spoil(history, source.randrange(len(history.send_start)), source)
        expected = one_by_one(history)
        assert check_all(history) == expected
        found += any(result.violations for result in expected.values())
    assert found, "no check noticed any of it"
