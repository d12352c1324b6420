"""A WebSocket server that is not the bottleneck: every connection is sent one ready-made frame a write, evenly paced.

`python paced_server.py FRAMES_PER_SECOND` prints its port. A client's message `{"send": N}` starts N frames to that
connection. Frames look like agent events; each connection's carry the canary given in its query.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError

waiting: dict[ServerConnection, int] = {}
frames: dict[ServerConnection, bytes] = {}


def frame(canary: str) -> bytes:
    event = {
        "type": "agent_thinking",
        "run_id": canary[-12:],
        "user_id": "crosstalk-user-0001",
        "thread_id": "thread-of-" + canary[-8:],
        "timestamp": 1_700_000_000.123,
        "payload": {"reasoning": f"about {canary}: " + "considering the request " * 8},
    }
    text = json.dumps(event).encode()
    assert 125 < len(text) < 65_536
    return b"\x81\x7e" + len(text).to_bytes(2, "big") + text


async def answer(connection: ServerConnection) -> None:
    assert connection.request is not None
    frames[connection] = frame(connection.request.path.rpartition("=")[2])
    with suppress(ConnectionClosedError):  # whose client was killed
        async for message in connection:
            waiting[connection] = json.loads(message)["send"]


async def pace(per_second: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        for connection in list(waiting):
            connection.transport.write(frames[connection])
            waiting[connection] -= 1
            if not waiting[connection]:
                del waiting[connection]
            due += 1 / per_second
            if due - loop.time() > 0.002:
                await asyncio.sleep(due - loop.time())
        if not waiting:
            await asyncio.sleep(0.005)
            due = loop.time()
        else:
            await asyncio.sleep(0)


async def main(per_second: float) -> None:
    async with serve(answer, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await pace(per_second)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
