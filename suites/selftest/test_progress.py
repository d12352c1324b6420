"""What is shown while it goes on: a live line on a terminal, plain lines in CI, nothing where nobody looks."""

import io
import os
import re
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
from verdicts import ZOO

from crosstalk.model.verdict import Explored
from crosstalk.reporting import progress as shown

LIVE = re.compile(
    r"(\d+) leaks?, ([\d,]+) connections of (\d+) users, ([\d,]+) runs, ([\d,]+) deliveries, first event p95 "
)
COUNTS = re.compile(r"([\d,]+) programs, ([\d,]+) schedules, ([\d,]+) deliveries, (\d+) distinct violation")
WITHOUT_RICH = "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None;"


CHECK = ("check", f"{ZOO / 'everybody_when_absent.py'}:create", "--budget", "2")
SMOKE = ("smoke", "--users", "4", "--duration", "1.5", "--refusals", "none")


def on_a_terminal(tmp_path, *arguments: str, before: str = "", command=CHECK, **environment: str) -> str:
    """What the command writes to the terminal that its standard error is."""
    ours, theirs = os.openpty()
    code = f"{before}from crosstalk.cli import main; main()"
    line = [sys.executable, "-c", code, *command, *arguments]
    plain = {name: value for name, value in os.environ.items() if name != "CI"}
    plain |= {"TERM": "xterm", "COLUMNS": "140", **environment}
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, env=plain) as running:
        os.close(theirs)
        out, _ = running.communicate(timeout=120)
    seen = b""
    try:
        while piece := os.read(ours, 65_536):
            seen += piece
    except OSError:
        pass  # the other end of the terminal is closed
    os.close(ours)
    assert b"verdict: " in out and b"programs, " not in out and b" leaks, " not in out
    return seen.decode()


def counted(text):
    return [[int(number.replace(",", "")) for number in found.groups()] for found in COUNTS.finditer(text)]


@pytest.mark.parametrize("before", ["", WITHOUT_RICH], ids=["rich", "without rich"])
def test_on_a_terminal_the_counts_grow_and_the_line_goes_in_the_end(tmp_path, before):
    seen = on_a_terminal(tmp_path, before=before)
    counts = counted(seen)
    assert len(counts) > 2, seen
    assert all(one <= other for a, b in pairwise(counts) for one, other in zip(a, b, strict=True))
    assert counts[-1][0] > 0 and counts[-1][2] > 0 and counts[-1][3] > 0
    assert ("━" in seen) is (not before)
    assert "\n" not in seen.replace("\r\n", "") and not seen.endswith("s")


def test_a_live_run_shows_its_users_runs_deliveries_leaks_latency_and_time_left(tmp_path):
    seen = on_a_terminal(tmp_path, command=SMOKE, COLUMNS="115")
    counts = [[int(number.replace(",", "")) for number in found.groups()] for found in LIVE.finditer(seen)]
    assert len(counts) > 2, seen
    assert all(leaks == 0 and up <= 8 and users == 4 for leaks, up, users, _, _ in counts)
    runs, deliveries = ([count[at] for count in counts] for at in (3, 4))
    assert runs == sorted(runs) and deliveries == sorted(deliveries) and runs[-1] >= 4 and deliveries[-1] > 40
    assert re.search(r"\b[01] s left, 0 leaks", seen) and "━" in seen
    assert "\n" not in seen.replace("\r\n", "")


@pytest.mark.parametrize("command", [CHECK, (*SMOKE, "--duration", "0.1")], ids=["check", "smoke"])
def test_quiet_is_quiet(tmp_path, command):
    assert on_a_terminal(tmp_path, "-q", command=command) == ""


def live(elapsed, leaks=1):
    return SimpleNamespace(
        up=90,
        users=50,
        runs=1_200,
        deliveries=30_000,
        leaks=leaks,
        violations=1,
        p95=0.0421,
        elapsed=elapsed,
        seconds=60.0,
    )


def test_a_live_run_is_a_line_every_few_seconds_in_ci(monkeypatch):
    clock = iter((0.0, 1.0, 5.5, 6.0, 70.0))
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    with shown.progress(False, stream, {"CI": "true"}) as show:
        told = shown.living(show)
        for now in (live(1.0), live(5.5, 0), live(6.0), live(61.0)):
            told(now)
    assert stream.getvalue() == (
        "crosstalk: 54 s left, 0 leaks, 90 connections of 50 users, 1,200 runs, 30,000 deliveries, "
        "first event p95 42 ms\n"
        "crosstalk: the last runs end, 1 leak, 90 connections of 50 users, 1,200 runs, 30,000 deliveries, "
        "first event p95 42 ms\n"
    )


def test_in_ci_a_plain_line_every_few_seconds(monkeypatch):
    clock = iter((0.0, 1.0, 5.5, 6.0, 10.9))
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    with shown.progress(False, stream, {"CI": "true"}) as show:
        told = shown.exploring(show, 20.0)
        for number in range(1, 5):
            told(Explored(number * 1_000, number * 1_000, 9, number * 5_000, number * 2.0), number)
    assert stream.getvalue() == (
        "crosstalk: 2,000 programs, 2,000 schedules, 10,000 deliveries, 2 distinct violations, 4 s of 20 s\n"
        "crosstalk: 4,000 programs, 4,000 schedules, 20,000 deliveries, 4 distinct violations, 8 s of 20 s\n"
    )


def test_a_soak_of_a_running_system_tells_how_many_have_come():
    told = []
    soaking = shown.soaking(lambda *now: told.append(now))
    soaking(SimpleNamespace(**{**vars(live(1.0)), "users": 5_000}))
    words = "1,200 of 5,000 users have come, 90 connections, 1 leak, 30,000 deliveries, first event p95 42 ms"
    assert told == [(1_200, 5_000, words)]


def test_nobody_looks():
    for quiet, environment in ((False, {}), (True, {"CI": "true"})):
        with shown.progress(quiet, io.StringIO(), environment) as show:
            assert (
                show
                is shown.exploring(show, 20.0)
                is shown.living(show)
                is shown.refusing(show)
                is shown.soaking(show)
                is None
            )
