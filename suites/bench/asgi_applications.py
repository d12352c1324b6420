"""How fast whole applications are explored: runs a CPU second in memory, for the self-tests' chat in each framework.

python suites/bench/asgi_applications.py [RUNS]
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

from crosstalk.examination import explore, open_target

APPS = Path(__file__).parents[1] / "selftest" / "asgi_apps"
POST = "POST /users/{user}/events"
REACHED = {
    "plain_app.py:app": {"open": "/ws/{user}"},
    "starlette_app.py:right": {"open": "/ws/{user}"},
    "litestar_app.py:right": {"open": "/ws", "query": "token={token}"},
    "fastapi_app.py:right": {"open": "/ws", "header": "Authorization: Bearer {token}"},
    "quart_app.py:right": {"open": "/ws", "cookie": "session={token}"},
    "channels_app.py:right": {"open": "/ws/{user}"},
}


def measured(spec: str, names: dict[str, str], count: int) -> tuple[float, float]:
    """(runs a CPU second, deliveries a run)"""
    runs = explore(open_target(f"asgi:{APPS}/{spec}", names={**names, "publish": POST}))
    gc.collect()
    gc.disable()
    deliveries = 0
    began = time.process_time()
    for number in range(count):
        deliveries += len(next(runs).history.send_start)
        if number % 64 == 63:
            gc.collect()
    spent = time.process_time() - began
    gc.enable()
    return count / spent, deliveries / count


if __name__ == "__main__":
    for spec, names in REACHED.items():
        rate, deliveries = measured(spec, names, int(sys.argv[1]) if len(sys.argv) > 1 else 500)
        print(f"{spec:24} {rate:6.0f} runs/s, {deliveries:.1f} deliveries a run", flush=True)
