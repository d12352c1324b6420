"""The demonstration chat as a process of its own, which keeps so many bytes of each connection that has gone.

It prints its address, and that of its metrics, before which garbage is collected.
"""

import asyncio
import gc
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from crosstalk.demo.chat import Chat

KEPT = []


class Keeps(Chat):
    def leave(self, device):
        super().leave(device)
        KEPT.append(os.urandom(int(sys.argv[1])))


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        text = f"process_resident_memory_bytes {resident}\npython_allocated_blocks {sys.getallocatedblocks()}\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


async def main():
    with HTTPServer(("127.0.0.1", 0), Metrics) as metrics:
        threading.Thread(target=metrics.serve_forever, args=(0.01,), daemon=True).start()
        async with Keeps(os.environ["CROSSTALK_JWT_SECRET"], 0.0).serving() as url:
            print(url, f"http://127.0.0.1:{metrics.server_port}/metrics", flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        metrics.shutdown()


asyncio.run(main())
