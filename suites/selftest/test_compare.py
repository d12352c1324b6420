"""Comparison: no difference where there is none, differences where there are, goals judged, bad input in a sentence."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from crosstalk.consolidation.comparison import compare
from crosstalk.consolidation.ratio import Ratio, judged, ratio
from crosstalk.examination import open_target
from crosstalk.model.migration import MEASURES

HUB = """
import asyncio, time
class Hub:
    WORK, KEPT = {work}, {kept}
    def __init__(self):
        self.links = {{}}
    async def connect(self, user_id, websocket):
        self.links.setdefault(user_id, []).append((websocket, bytes(self.KEPT)))
    async def disconnect(self, user_id, websocket):
        self.links[user_id] = [link for link in self.links[user_id] if link[0] is not websocket]
    async def publish(self, user_id, event):
        until = time.perf_counter() + self.WORK
        while time.perf_counter() < until:
            pass
        for websocket, _ in list(self.links.get(user_id, ())):
            await websocket.send_json(event)
"""


def noisy(source, level, change=0.0):
    """A pair of measurements on a machine that is now and then twice as slow, for both and for one of them."""
    load = level * math.exp(source.gauss(0, 0.3))

    def one():
        return load * math.exp(source.gauss(0, 0.05)) * (2 if source.random() < 0.05 else 1)

    return one(), one() * (1 + change)


def words(change, seed):
    source = random.Random(seed)
    pairs = [noisy(source, 0.001, change) for _ in range(12)]
    return ratio(*zip(*pairs, strict=True), seed=seed).word


def test_no_difference_is_called_none():
    assert sum(words(0.0, seed) == "no difference" for seed in range(100)) >= 95


@pytest.mark.parametrize(("change", "word"), [(-0.2, "less"), (0.25, "more")])
def test_a_difference_of_a_fifth_is_seen(change, word):
    assert sum(words(change, seed) == word for seed in range(100)) >= 90


def test_the_interval_holds_the_truth():
    held = 0
    for seed in range(60):
        source = random.Random(seed)
        old, new = zip(*(noisy(source, 1.0, -0.1) for _ in range(12)), strict=True)
        found = ratio(old, new, seed)
        held += found.low <= 0.9 <= found.high
    assert held >= 57


def test_exact_figures_need_no_interval():
    assert ratio([100.0] * 5, [70.0] * 5) == Ratio(pytest.approx(0.7), pytest.approx(0.7), pytest.approx(0.7), 5)
    with pytest.raises(ValueError, match="at least two pairs"):
        ratio([1.0], [1.0])


@pytest.mark.parametrize(
    ("measured", "outcome"),
    [
        (Ratio(0.7, 0.65, 0.75, 12), "met"),
        (Ratio(0.9, 0.85, 0.95, 12), "not met"),
        (Ratio(0.8, 0.7, 0.9, 12), "cannot tell"),
        (Ratio(0.75, 0.65, 0.85, 12), "cannot tell"),
    ],
)
def test_goals(measured, outcome):
    assert judged(measured, 0.2).outcome == outcome


def test_an_interval_that_holds_everything_tells_nothing():
    assert Ratio(1.3, 0.4, 4.2, 8).word == "cannot tell"
    assert Ratio(1.2, 0.9, 1.6, 8).word == "no difference"
    assert Ratio(3.0, 1.1, 8.2, 8).word == "more"


def test_how_many_more_rounds_would_tell():
    near, far = judged(Ratio(0.79, 0.7, 0.89, 10), 0.2), judged(Ratio(0.75, 0.66, 0.85, 10), 0.2)
    assert near.more > far.more > 0
    source = random.Random(5)
    old, new = zip(*(noisy(source, 1.0, -0.25) for _ in range(10 + far.more)), strict=True)
    assert judged(ratio(old, new), 0.2).outcome == "met"


def side(tmp_path, name, work=0.0, kept=0):
    (tmp_path / f"{name}.py").write_text(HUB.format(work=work, kept=kept))
    return open_target(f"{tmp_path / name}.py:Hub")


def test_two_real_broadcasters(tmp_path):
    old, new = side(tmp_path, "old", 0.002, 4_000), side(tmp_path, "new", 0.000_1, 500)
    result = compare(old, new, users=(20,), events=40, rounds=5, faster=0.2, leaner=0.3)
    found = {m.measure: m for m in result.measured}
    assert found.keys() == MEASURES.keys()
    assert found["publish"].word == found["retained"].word == "less"
    assert found["tasks"].word == found["objects"].word == "no difference"
    assert 3_000 < found["retained"].old - found["retained"].new < 4_000
    assert {goal.measure: goal.outcome for goal in result.goals} == {"delivery": "met", "retained": "met"}
    assert result.verdict == "pass"
    back = compare(new, old, users=(20,), events=20, rounds=4, leaner=0.3)
    assert back.goals[0].outcome == "not met" and back.verdict == "fail"


def crosstalk(*arguments, cwd):
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()", "compare", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_the_command(tmp_path):
    hub = "crosstalk.reference.hub:Hub"
    done = crosstalk(hub, hub, "--users", "2,5", "--events", "40", "--rounds", "4", "--leaner", "30%", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "memory kept for a connection: 30% less is not met" in done.stdout
    written = json.loads((tmp_path / "reports" / "compare.json").read_text())
    assert {m["users"] for m in written["measured"]} == {2, 5}
    assert all(m["old"] == m["new"] == 1.0 for m in written["measured"] if m["measure"] == "tasks")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere:Hub", "nowhere:Hub"), "crosstalk: nowhere could not be imported"),
        (("{hub}", "{hub}", "--faster", "fast"), "give a percentage"),
        (("{hub}", "{hub}", "--users", "many"), "give numbers of users"),
        (
            ("{hub}", "{lossy}", "--users", "1", "--events", "20", "--rounds", "4"),
            "could not be measured: OSError: full",
        ),
    ],
)
def test_bad_input(tmp_path, arguments, words):
    body = HUB.format(work=0, kept=0)
    (tmp_path / "lossy.py").write_text(
        body.replace(
            "        until",
            "        if event['payload'].get('text', '').startswith('some'): raise OSError('full')\n        until",
        )
    )
    names = {"{hub}": "crosstalk.reference.hub:Hub", "{lossy}": f"{tmp_path / 'lossy.py'}:Hub"}
    done = crosstalk(*(names.get(argument, argument) for argument in arguments), cwd=Path(tmp_path))
    assert done.returncode == 2
    assert words in done.stderr and "Traceback" not in done.stderr
