"""Systems that send by server-sent events: whole runs judged, and what a stream's connection does on the wire."""

import json
import re

import event_streams
import pytest
from click.testing import CliRunner
from serving import SECRET, all_judged, check, failed, serving

from crosstalk.cli import cli
from crosstalk.scenarios.live.program import READY, Ask, Await, LiveProgram, Meet, Open, Reset, draw

RIGHT = {
    "header": event_streams.Streams,
    "query": event_streams.Unnamed,
    "cookie": event_streams.Streams,
    "answers": event_streams.Answers,
    "whole answers": event_streams.Whole,
}
LEAKS = {
    "held user": event_streams.HoldsUser,
    "shared past": event_streams.SharesMissed,
    "one pipe": event_streams.OnePipe,
}
SYSTEMS = {**RIGHT, **LEAKS, "cut off": event_streams.Streams, "without ids": event_streams.Unnamed}
FIRST = (Open(0), READY, Meet(0))
OTHER = (*FIRST, Meet(1), Ask(0), Await(), Meet(2), Ask(0), Await())
BACK = (Reset(0), Meet(1), Meet(2), Open(0), READY, Ask(0), Await())
# one of two users is cut off after its run, or in the middle of it, and the other goes on meanwhile
PROGRAMS = {
    2: LiveProgram(((*FIRST, Ask(0), Await(), *BACK), OTHER)),
    3: LiveProgram(((*FIRST, Ask(0), *BACK), OTHER, ())),
}
USERS = {"shared past": 2, "cut off": 2, "without ids": 2, "one pipe": 3}


@pytest.fixture(scope="module")
def systems():
    return {name: kind(SECRET, 0.01) for name, kind in SYSTEMS.items()}


@pytest.fixture(scope="module")
def verdicts(systems):
    """On every system of this module, examined at the same time."""

    def drawn(seed, number, users, *more):
        return PROGRAMS.get(users) or draw(seed, number, users, *more)

    def case(name, made):
        carrier = name if name in ("query", "cookie") else "header"
        changes = {"duration": 4.0, "carrier": carrier, "users": USERS.get(name, 6), "run_seconds": 3.0}
        if not isinstance(made, event_streams.Answers):
            return made.serving, {"cause": f"{made.url}/ask", **changes}
        return made.serving_answers, {"cause": "start_agent", **changes}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("crosstalk.live_examination.draw", drawn)
        return all_judged({name: case(name, made) for name, made in systems.items()})


@pytest.mark.parametrize("name", RIGHT)
def test_a_correct_system_is_accused_of_nothing(name, verdicts):
    verdict = verdicts[name]
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert verdict.controls and all(control.caught for control in verdict.controls)
    assert check(verdict, "isolation").opportunities > 50
    assert check(verdict, "golden_path").opportunities > 10


def test_who_is_cut_off_asks_for_what_it_missed(verdicts, systems):
    assert not failed(verdicts["cut off"]), verdicts["cut off"].checks
    assert any(systems["cut off"].asked_for)
    assert not any(systems["without ids"].asked_for), "where events have no ids, nothing can be asked for"


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found(name, verdicts):
    assert "isolation" in failed(verdicts[name])
    leak = check(verdicts[name], "isolation").violations[0]
    assert len(set(leak.users)) == 2


def test_the_command_judges_a_stream_and_shows_no_secret(tmp_path, monkeypatch):
    tokens = set()

    class Spied(event_streams.HoldsUser):
        def user_of(self, request):
            tokens.add(request.headers["authorization"].removeprefix("Bearer "))
            return super().user_of(request)

        def event(self, kind, user, run, thread, payload):
            return {**super().event(kind, user, run, thread, payload), "seen": list(tokens)}

    monkeypatch.chdir(tmp_path)
    made = Spied(SECRET, 0.005)
    with serving(made.serving) as url:
        line = ["smoke", url, "--cause", f"{made.url}/ask", "--users", "4", "--duration", "2", "--run-seconds", "1"]
        done = typed(*line, "--refusals", "none")
    assert done.exit_code == 1, done.output
    assert "fail    isolation" in done.output
    assert re.search(f"again: crosstalk smoke {url} .*--cause {made.url}/ask", done.output)
    artefacts = [done.output, *(path.read_text() for path in (tmp_path / "reports").rglob("*.*") if path.is_file())]
    assert len(artefacts) > 3 and len(tokens) == 4
    for token in (SECRET, *tokens):
        assert not any(token in text or token.rpartition(".")[2] in text for text in artefacts)


def typed(*line):
    return CliRunner().invoke(cli, line, env={"CROSSTALK_JWT_SECRET": SECRET})


@pytest.mark.parametrize(
    ("kind", "let_in"),
    [
        (event_streams.Answers, set()),
        (event_streams.BelievesAnybody, {"expired", "not yet valid", "other's id in message"}),
    ],
)
def test_who_must_not_get_in_is_tried_at_the_stream_and_by_the_calls(kind, let_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = kind(SECRET, 0.002)
    with serving(made.serving) as url:
        if kind is event_streams.Answers:
            address = (f"{made.url}/ask", "--cause", "start_agent")
        else:
            address = (url, "--cause", f"{made.url}/ask")
        done = typed("refusals", *address, "--patience", "0.4", "--connect-rate", "200")
    assert done.exit_code == bool(let_in), done.output
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    (authentication,) = verdict["checks"]
    assert {violation["cause"].partition(":")[0] for violation in authentication["violations"]} == let_in
    assert authentication["opportunities"] > 12
    assert f"then sends POST {made.url}/ask" in str(authentication["violations"]) or not let_in
    assert "eyJ" not in done.output
