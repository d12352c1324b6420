"""`python -m crosstalk.demo`: serve the demonstration chat, say its address, and stop when standard input ends.

The secret that signs its users' tokens is read from CROSSTALK_JWT_SECRET.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys

from crosstalk.demo.chat import Chat


async def _serve(secret: str, port: int, pace: float) -> None:
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            gone.set()

    with contextlib.suppress(ValueError, PermissionError):  # a file can't be waited for, and never ends this
        # whoever started us is gone when our standard input ends, however that came
        loop.add_reader(sys.stdin.fileno(), heard)
    async with Chat(secret, pace).serving(port=port) as url:
        print(url, flush=True)
        await gone.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m crosstalk.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--pace", type=float, default=0.01, help="mean seconds between two events of a run")
    options = parser.parse_args()
    secret = os.environ.get("CROSSTALK_JWT_SECRET", "")
    if not secret:
        sys.exit("crosstalk: the demonstration needs CROSSTALK_JWT_SECRET, which signs its users' tokens")
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(secret, options.port, options.pace))


if __name__ == "__main__":
    main()
