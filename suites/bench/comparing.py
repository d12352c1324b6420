"""How well `crosstalk compare` tells: a change of nothing, and a publish that takes a fifth longer.

    python comparing.py [TRIALS]

A trial is a comparison as the command makes it, 12 rounds of fresh processes, of reduced size (10 users, 100 events);
each round measures three broadcasters in random order: one, the same in another file, and a slower one. Wanted: of 100
changes of nothing at least 95 called "no difference"; of 100 injected fifths at least 90 called "more".

Trials take their time, so the statistics alone are tried a thousand times more: on rounds drawn from all that were
measured, where for a change of nothing the two are swapped by chance, so that there is no difference to be found.
Ctrl-C ends the trials early.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from sidebyside import Row, table

from crosstalk.consolidation.comparison import measured
from crosstalk.consolidation.ratio import ratio
from crosstalk.examination import Examination, open_target

HUB = """
import time
class Hub:
    def __init__(self):
        self.links = {{}}
    async def connect(self, user_id, websocket):
        self.links.setdefault(user_id, []).append(websocket)
    async def disconnect(self, user_id, websocket):
        self.links[user_id].remove(websocket)
    async def publish(self, user_id, event):
        for _ in range({work}):
            event["type"].upper().lower()
        for websocket in list(self.links.get(user_id, ())):
            await websocket.send_json(event)
"""
WORK = {"plain": 2_000, "same": 2_000, "slower": 2_430}
ROUNDS, AGAIN = 12, 1_000
WANTED = {"same": ("no difference", 0.95), "slower": ("more", 0.9)}
Times = dict[str, float]


def one_round(sides: dict[str, Examination], source: random.Random) -> Times:
    """Seconds that a publish takes on each side."""
    names = source.sample(list(sides), len(sides))
    return {name: measured(sides[name], (10,), 100)[0].publish for name in names}


def word(rounds: list[Times], name: str, seed: int) -> str:
    return ratio([times["plain"] for times in rounds], [times[name] for times in rounds], seed).word


def swapped(times: Times, source: random.Random) -> Times:
    one, other = source.sample((times["plain"], times["same"]), 2)
    return {"plain": one, "same": other}


def main(trials: int = 100) -> None:
    source = random.Random(0)
    real = dict.fromkeys(WANTED, 0)
    pool: list[Times] = []
    with tempfile.TemporaryDirectory() as folder:
        sides = {}
        for name, work in WORK.items():
            path = Path(folder) / f"{name}.py"
            path.write_text(HUB.format(work=work))
            sides[name] = open_target(f"{path}:Hub")
        done = 0
        with suppress(KeyboardInterrupt):
            for trial in range(trials):
                rounds = [one_round(sides, source) for _ in range(ROUNDS)]
                pool += rounds
                said = {name: word(rounds, name, trial) for name in WANTED}
                for name, (wanted, _) in WANTED.items():
                    real[name] += said[name] == wanted
                done += 1
                print(f"trial {trial}: {said}; right so far: {real}", file=sys.stderr, flush=True)
    if not done:
        sys.exit("no trial has ended")
    again = dict.fromkeys(WANTED, 0)
    for trial in range(AGAIN):
        drawn = source.choices(pool, k=ROUNDS)
        again["same"] += word([swapped(times, source) for times in drawn], "same", trial) == WANTED["same"][0]
        again["slower"] += word(drawn, "slower", trial) == WANTED["slower"][0]
    rows = []
    for name, (wanted, share) in WANTED.items():
        middle = math.exp(statistics.median(math.log(times[name] / times["plain"]) for times in pool))
        for what, right, of in (("", real[name], done), (", statistics alone", again[name], AGAIN)):
            goal = f"at least {share:.0%}"
            rows.append(
                Row(
                    f"a publish that takes {middle:.2f} times as long is called {wanted!r}{what}",
                    f"{right} of {of}",
                    goal,
                    right >= share * of,
                )
            )
    print(table(rows))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
