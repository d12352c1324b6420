"""Two server processes that fan out through a real Redis, users spread over both: correct, and with a planted leak."""

import asyncio
import contextlib
import itertools
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from serving import SECRET, check, failed, judged, serving

pytest.importorskip("redis", reason="the package redis is not installed")
SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="neither redis-server nor valkey-server is installed")
CHAT = Path(__file__).with_name("redis_chat.py")


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(line, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL) as running:
        try:
            end = time.monotonic() + 10
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert time.monotonic() < end, "the server did not start"
                time.sleep(0.05)
            yield port
        finally:
            running.terminate()


@contextlib.contextmanager
def two_processes(port, form):
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(2):
            # the secret of a test server on loopback; whoever reads it finds nothing behind it
            line = [sys.executable, str(CHAT), str(port), form, SECRET]
            running = stack.enter_context(
                subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(running.stdin.close)
            ports.append(int(running.stdout.readline().rpartition(":")[2].partition("/")[0]))
        with serving(lambda: balancer(ports)) as url:
            yield url


@contextlib.asynccontextmanager
async def balancer(ports):
    """A load balancer that gives each new connection to the next process."""
    turn = itertools.cycle(ports)
    tasks = set()

    async def pump(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def carry(reader, writer):
        tasks.add(asyncio.current_task())
        inner = await asyncio.open_connection("127.0.0.1", next(turn))
        await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))
        tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
        for task in tasks:
            task.cancel()


def test_the_correct_form_passes(redis_port):
    with two_processes(redis_port, "correct") as url:
        verdict = judged(url, users=10, duration=4.0)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert check(verdict, "delivery").opportunities > 100, "devices of one user are on both processes"


def test_the_leak_is_found(redis_port):
    with two_processes(redis_port, "leak") as url:
        verdict = judged(url, users=10, duration=3.0, run_seconds=1.5)
    assert "isolation" in failed(verdict)
