"""The demonstration chat as a process of its own, which keeps so many bytes of each connection that has gone."""

import asyncio
import os
import sys

from crosstalk.demo.chat import Chat

KEPT = []


class Keeps(Chat):
    def leave(self, device):
        super().leave(device)
        KEPT.append(os.urandom(int(sys.argv[1])))


async def main():
    async with Keeps(os.environ["CROSSTALK_JWT_SECRET"], 0.0).serving() as url:
        print(url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
