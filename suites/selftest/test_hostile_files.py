"""Files that somebody has tampered with: every command that reads one does its work or says no in a sentence.

A whole file of each kind is changed in one place or a few: another type, deep nesting, a huge number, text that a
terminal or a browser would obey, a key that is gone.
"""

import functools
import json
import operator
import os

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_page import knocked
from test_page_of_a_migration import comparison, cutover, equivalence, soaked
from verdicts import made

from crosstalk.cli import cli
from crosstalk.model.live_figures import Limit, LiveFigures, Percentiles, Sighting
from crosstalk.model.soak import Grown, LiveSoak, Slope
from crosstalk.model.waits import HeatMap

MOST = int(os.environ.get("CROSSTALK_TAMPERED", "8"))
"""So many changed files of each kind; a few hundred, now and then, by hand."""
HOSTILE = st.sampled_from(
    [
        None, True, 0, -1, 10**30, -(10**18), 2**63, 1e308, -1e308, 5e-324, float("nan"), float("inf"), "", "x" * 5_000,
        "\u202eabc\u2066", "\x1b[31m\x07", "</script><script>alert(1)</script>", "\ud800", "ct1-AAAA", "%s%n{0}", "..",
        [], {}, [[]], [None] * 40, {"a": {"b": [1]}}, ["x", 1, None], "2026-02-30T25:61:61Z", "0001-01-01T00:00:00Z",
        json.loads("[" * 300 + "]" * 300),
    ]
)  # fmt: skip


NUMBERS = st.sampled_from([0, -1, 1, 2, 7, 60, 10**6, 2**31, -(2**31), 10**15, 1e-9, 0.5, 1e300, -1e300])
TEXTS = st.sampled_from(
    ["", "alice", "nobody", "x" * 5_000, "\u202eabc\u2066", "\x1b[31m\x07", "</svg><script>", "ct1-A"]
)


def live():
    figures = LiveFigures(
        2, 9, 4, 200, 3_000, {"canary": 2}, {"ping": 1}, 9, {"refused": 3}, limits={"latency": Limit(0.1, 5)},
        latency=Percentiles(200, 0.01, 0.02, 0.3, 0.3, ((0.01, 150), (0.02, 49), (0.32, 1))),
        heat=HeatMap(2, ("alice", "bob"), ((0.3, None), (0.01, 0.02))), failed=(("alice", 1.0), ("bob", 2.0)),
    )  # fmt: skip
    checks = list(made(1).checks)
    found = msgspec.structs.replace(checks[0].violations[0], replay="", sighting=Sighting(1.0, 0, "text", command="x"))
    latency = msgspec.structs.replace(found, exhibit=None, message="too late")
    checks[0] = msgspec.structs.replace(checks[0], violations=(found,))
    checks.append(msgspec.structs.replace(checks[0], name="latency", violations=(latency,)))
    checks.append(msgspec.structs.replace(checks[0], name="success", violations=(latency,)))
    return msgspec.structs.replace(made(0), verdict="fail", checks=tuple(checks), live=figures)


GROWN = Grown("memory", 160, Slope(2.0, 1.0, 3.0), "fail", ((20.0, 5e7), (40.0, 6e7)))
FILES = {
    "verdict.json": [made(1), live(), knocked()],
    "compare.json": [comparison()],
    "equivalent.json": [equivalence()],
    "cutover.json": [cutover()],
    "soak.json": [soaked()],
    "live_soak.json": [LiveSoak("fail", "ws://x", 320, (GROWN,), made(0), 1.0)],
}
WHOLE = {name: [json.loads(msgspec.json.encode(one)) for one in several] for name, several in FILES.items()}
COMMANDS = (
    *(("report", kind, "{}") for kind in ("html", "markdown", "sarif", "badge", "svg")),
    ("explain", "{}"),
    ("replay", "{}"),
    ("diff", "{}", "{}"),
    ("evidence", "--framework", "soc2", "--verdict", "{}"),
)


def places(value, at=()):
    """Every place in it."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


def changed(value, at, to):
    """A copy with another thing there; KeyError is for what is gone."""
    if not at:
        return to
    copy = dict(value) if isinstance(value, dict) else list(value)
    if to is KeyError and len(at) == 1:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(copy[at[0]], at[1:], to)
    return copy


@st.composite
def tampered(draw, name):
    value = draw(st.sampled_from(WHOLE[name]))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from([*places(value)]))
        was = functools.reduce(operator.getitem, at, value)
        alike = TEXTS if isinstance(was, str) else NUMBERS if isinstance(was, int | float) else HOSTILE
        value = changed(value, at, draw(alike | HOSTILE | st.just(KeyError)) if at else draw(HOSTILE))
    return value


def answers(folder, arguments):
    """The command does its work, or says in one sentence why not."""
    line = [argument.format(folder) for argument in arguments]
    if line[0] == "evidence":
        line += ["-o", str(folder / "bundle")]
    done = CliRunner().invoke(cli, line)
    trouble = f"{line}: {done.exception!r}"
    assert done.exception is None or isinstance(done.exception, SystemExit), trouble
    assert done.exit_code in (0, 1, 2, 3), trouble
    if done.exit_code == 2:
        assert done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1, done.stderr
    assert not any(bad in done.output for bad in ("Traceback", "\x1b", "\x07", "\u202e", "\u2066")), done.output[:400]


@pytest.mark.parametrize("name", FILES)
@settings(
    max_examples=MOST,
    deadline=None,
    suppress_health_check=[*HealthCheck],
    derandomize=True,
)
@given(data=st.data())
def test_what_was_tampered_with_is_shown_or_refused(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("reports")
    value = data.draw(tampered(name))
    (folder / name).write_text(json.dumps(value), "utf-8")
    commands = COMMANDS if name == "verdict.json" else COMMANDS[:1] + COMMANDS[5:7]
    for command in commands:
        answers(folder, command)


def test_words_that_sentences_are_made_of_are_plain(tmp_path):
    for value in WHOLE["equivalent.json"] + WHOLE["cutover.json"]:
        name = "equivalent.json" if "differences" in value else "cutover.json"
        text = json.dumps(value).replace('"kind": "connect"', json.dumps({"kind": "\u202eabc"})[1:-1])
        (tmp_path / name).write_text(text, "utf-8")
        answers(tmp_path, ("report", "html", "{}"))


@pytest.mark.parametrize("gone", ["counts", "lines", "seconds"])
def test_a_curve_of_a_soak_has_as_many_costs_as_numbers(tmp_path, gone):
    (value,) = WHOLE["soak.json"]
    curves = [{**curve, gone: []} for curve in value["curves"]]
    (tmp_path / "soak.json").write_text(json.dumps({**value, "curves": curves}), "utf-8")
    answers(tmp_path, ("report", "html", "{}"))
