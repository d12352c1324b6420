"""How well `crosstalk compare` tells: a change of nothing, and an injected fifth, many times with real processes.

    python comparing.py [TRIALS] [ROUNDS]

Each trial is a whole comparison of reduced size (10 users, 100 events). Wanted: of 100 changes of nothing at least 95
called "no difference"; of 100 injected fifths at least 90 called a difference.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from crosstalk.consolidation.comparison import compare
from crosstalk.examination import open_target

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
WORK = 2_000


def main(trials: int = 20, rounds: int = 8) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sides = {}
        for name, work in (("plain", WORK), ("same", WORK), ("slower", int(WORK * 1.25))):
            path = Path(folder) / f"{name}.py"
            path.write_text(HUB.format(work=work))
            sides[name] = open_target(f"{path}:Hub")
        for name, wanted in (("same", "no difference"), ("slower", "more")):
            right = 0
            for trial in range(trials):
                result = compare(sides["plain"], sides[name], users=(10,), events=100, rounds=rounds, seed=trial)
                found = {m.measure: m for m in result.measured}["publish"]
                right += found.word == wanted
                print(
                    f"{name} {trial}: {found.ratio:.3f} ({found.low:.3f} to {found.high:.3f}) {found.word}", flush=True
                )
            print(f"plain against {name}: {wanted!r} in {right} of {trials}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
