"""The grammar of runs: what it accepts, where it says a run leaves it, which runs are played, and what it refuses."""

import itertools
import json
import random
import re
from pathlib import Path

import pytest

from crosstalk.checks import CHECKS
from crosstalk.examination import examine, explore, open_target
from crosstalk.model.golden_path import GOLDEN_PATH, Grammar
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import ACCEPTED, Call, Content, Episode, Frame, History
from crosstalk.scenarios.program import Cancel

pytest_plugins = ["pytester"]

START, THINK, CALL, DONE, END = "agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"


def expression(source: random.Random, depth: int) -> str:
    match source.randrange(6) if depth else 0:
        case 0 | 1:
            return source.choice("abc")
        case 2 | 3:
            return f"{expression(source, depth - 1)} {expression(source, depth - 1)}"
        case 4:
            return f"({expression(source, depth - 1)} | {expression(source, depth - 1)})"
        case _:
            return f"({expression(source, depth - 1)}){source.choice('*+?')}"


def test_the_table_agrees_with_the_standard_librarys_matcher():
    source = random.Random(1)
    compared = accepted = 0
    for _ in range(800):
        text = expression(source, 4)
        try:
            grammar = Grammar.parse(text)
        except ValueError:
            continue
        pattern = re.compile(text.replace(" ", ""))
        for length in range(5):
            for word in itertools.product(sorted(grammar.alphabet), repeat=length):
                fits = pattern.fullmatch("".join(word)) is not None
                assert grammar.accepts(word) == fits, (text, word)
                compared += 1
                accepted += fits
        for word in grammar.words():
            assert pattern.fullmatch("".join(word)), (text, word)
        assert {type_ for word in grammar.words() for type_ in word} == grammar.alphabet, text
    assert compared > 10_000 and accepted > 500


@pytest.mark.parametrize(
    "word",
    [
        (START, THINK, END),
        (START, THINK, THINK, CALL, THINK, DONE, CALL, DONE, THINK, END),
        ("connection_established", START, "ping", THINK, "partial_result", END, "pong"),
    ],
)
def test_the_default_accepts(word):
    assert GOLDEN_PATH.accepts(word)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ((), f"at the start came nothing more where {START} was due"),
        ((START, END), f"after {START} came {END} where {THINK} was due"),
        ((START, THINK, CALL, END), f"after {CALL} came {END} where {THINK} or {DONE} was due"),
        ((START, THINK, END, THINK), f"after {END} came {THINK} where the end was due"),
        ((THINK, START, END), f"at the start came {THINK} where {START} was due"),
    ],
)
def test_the_default_refuses_and_says_where(word, said):
    departure = GOLDEN_PATH.departure(word)
    assert departure is not None
    before, due = departure.rsplit(" where ", 1)
    said_before, said_due = said.rsplit(" where ", 1)
    assert before == said_before
    assert set(due.removesuffix(" was due").split(" or ")) == set(said_due.removesuffix(" was due").split(" or "))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no event types"),
        ("a |", "lacks an event type at its end"),
        ("()", "lacks an event type before position 1"),
        ("a (b", "has no ')' for the '(' at position 2"),
        ("a) b", "has an unexpected ')' at position 1"),
        ("+ a", "has nothing to repeat before the '+' at position 0"),
        ("a ! b", "has an unexpected '!' at position 2"),
        ("(" * 60 + "a" + ")" * 60, "more than 50 parentheses inside one another"),
        ("(a|b)* a" + " (a|b)" * 12, "needs more than 1000 states"),
        ("(a|b)*", "nothing could break it"),
    ],
)
def test_what_is_no_grammar_is_said_in_one_sentence(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Guarantees.parse(grammar=text) if text else Grammar.parse(text)


def run_of(types: tuple[str, ...], arrived: tuple[str, ...], grammar: str) -> History:
    history = History(("alice",), guarantees=Guarantees(golden_path=grammar))
    history.episodes.append(Episode(0, 0, "tab", 0, connected=1))
    history.final_quiet = 1_000
    for number, (type_, sent) in enumerate(zip(types, arrived, strict=True)):
        history.contents.append(Content(frozenset({0}), 1, type_, f"t{number}", publishes=1))
        history.frames.append(Frame(number, type=sent))
        at = 10 * number + 10
        history.calls.append(Call("publish", 0, at, content=number, returned=at + 5, status=ACCEPTED))
        for column, value in zip(
            (history.send_episode, history.send_frame, history.send_start, history.send_end, history.send_status),
            (0, number, at + 1, at + 2, ACCEPTED),
            strict=True,
        ):
            column.append(value)
    return history


def test_the_check_judges_by_the_grammar_that_was_declared():
    check = CHECKS["golden_path"]
    right = check(run_of(("open", "step", "step", "close"), ("open", "step", "step", "close"), "open step+ close"))
    assert (right.opportunities, right.violations) == (1, [])
    wrong = check(run_of(("open", "step", "close"), ("open", "open", "close"), "open step+ close"))
    assert "after open came open where step was due" in wrong.violations[0].message
    unjudged = check(run_of(("open", "close"), ("close", "open"), "open step+ close"))
    assert (unjudged.opportunities, unjudged.violations) == (0, [])


class Dropping:
    """Forgets what it calls a tool's event where another tab is open."""

    def __init__(self) -> None:
        self.sockets: dict[str, list[object]] = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def send_to_user(self, user_id, event):
        for websocket in list(self.sockets.get(user_id, [])):
            if event["type"] != "lookup":
                await websocket.send_json(event)


def test_the_runs_played_are_words_of_the_grammar():
    examination = open_target(Dropping, guarantees=Guarantees(golden_path="ask (lookup found)* answer"))
    played = set()
    for run in itertools.islice(explore(examination, seed=3), 90):
        if any(isinstance(step, Cancel) for track in run.program.tracks for step in track):
            continue  # a publish that is cancelled before it begins is never made
        words: dict[tuple[int, int], list[str]] = {}
        for content in run.history.contents:
            if content.run:
                words.setdefault((min(content.users), content.run), []).append(content.type)
        played |= {tuple(word) for word in words.values()}
    assert ("ask", "lookup", "found", "answer") in played
    whole = {("ask", "answer"), ("ask", "lookup", "found", "answer")}
    assert all(any(word == other[: len(word)] for other in whole) for word in played)


def test_a_lost_event_of_a_declared_run_is_seen_and_replays(tmp_path: Path):
    verdict = examine(
        open_target(Dropping, guarantees=Guarantees(golden_path="ask (lookup found)* answer")), seed=1, schedules=300
    )
    outcomes = {check.name: check.verdict for check in verdict.checks}
    assert outcomes["golden_path"] == "fail"
    assert all(control.caught for control in verdict.controls)


def test_the_option_of_pytest_reaches_the_runs(pytester: pytest.Pytester):
    pytester.makepyfile(
        hub="import json\nclass Hub:\n"
        "    def __init__(self): self.c = {}\n"
        "    async def connect(self, user_id, websocket): self.c.setdefault(user_id, []).append(websocket)\n"
        "    async def disconnect(self, user_id, websocket): self.c[user_id].remove(websocket)\n"
        "    async def send_to_user(self, user_id, event):\n"
        "        for s in list(self.c.get(user_id, [])):\n"
        "            if event['type'] != 'lookup': await s.send_text(json.dumps(event))\n"
    )
    options = ("--pyargs", "crosstalk.suites.test_golden_path", "--broadcaster", "hub:Hub", "--crosstalk-budget", "4")
    done = pytester.runpytest_subprocess(*options, "--crosstalk-grammar", "ask (lookup found)+ answer")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*arrived as: ask, found, answer;*after ask came found where lookup was due*"])
    done = pytester.runpytest_subprocess(*options, "--crosstalk-grammar", "ask (lookup")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*the grammar has no ')' for the '(' at position 4*"])
    evidence = pytester.path / "reports" / "verdict.json"
    assert not evidence.exists() or json.loads(evidence.read_text())["verdict"] != "pass"
