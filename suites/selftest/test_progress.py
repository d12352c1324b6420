"""What is shown while it goes on: a live line on a terminal, plain lines in CI, nothing where nobody looks."""

import io
import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from verdicts import ZOO

from crosstalk.model.verdict import Explored
from crosstalk.reporting import progress as shown

COUNTS = re.compile(r"([\d,]+) programs, ([\d,]+) schedules, ([\d,]+) deliveries, (\d+) distinct violation")
WITHOUT_RICH = "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None;"


def on_a_terminal(tmp_path, *arguments: str, before: str = "", **environment: str) -> str:
    """What the command writes to the terminal that its standard error is."""
    ours, theirs = os.openpty()
    target = f"{ZOO / 'everybody_when_absent.py'}:create"
    code = f"{before}from crosstalk.cli import main; main()"
    line = [sys.executable, "-c", code, "check", target, "--budget", "2", *arguments]
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
    assert b"verdict: " in out and b"programs, " not in out
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


def test_quiet_is_quiet(tmp_path):
    assert on_a_terminal(tmp_path, "-q") == ""


def test_in_ci_a_plain_line_every_few_seconds(monkeypatch):
    clock = iter((0.0, 1.0, 5.5, 5.5, 6.0, 10.9, 10.9))
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    with shown.progress(20.0, False, stream, {"CI": "true"}) as told:
        for number in range(1, 5):
            told(Explored(number * 1_000, number * 1_000, 9, number * 5_000, number * 2.0), number)
    assert stream.getvalue() == (
        "crosstalk: 2,000 programs, 2,000 schedules, 10,000 deliveries, 2 distinct violations, 4 s of 20 s\n"
        "crosstalk: 4,000 programs, 4,000 schedules, 20,000 deliveries, 4 distinct violations, 8 s of 20 s\n"
    )


def test_nobody_looks():
    with shown.progress(20.0, False, io.StringIO(), {}) as told:
        assert told is None
    with shown.progress(20.0, True, io.StringIO(), {"CI": "true"}) as told:
        assert told is None
