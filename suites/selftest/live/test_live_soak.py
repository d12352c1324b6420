"""Thousands of users through a running system: what grows is told where it can be seen, and only there."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from serving import SECRET

from crosstalk.cli import cli
from crosstalk.live_soak import UNSEEN, grew, hidden
from crosstalk.targets.probe import ProbeFailed, metrics, process

UNITS = [float(250 * point) for point in range(1, 17)]
MIB = 1 << 20


def outcome(quantity, values):
    (one,) = grew(UNITS, {quantity: values})
    return one.outcome


def test_what_grows_with_every_user_is_a_finding():
    assert outcome("memory", [50 * MIB + 400 * units + 4096 * (units % 3) for units in UNITS]) == "fail"
    assert outcome("open files", [10 + units for units in UNITS]) == "fail"
    assert outcome("open files", [10 + units // 25 for units in UNITS]) == "fail"


def test_a_gauge_is_judged_by_what_it_counts():
    """As measured of a server that keeps 300 bytes of everybody, and of one that keeps nothing and warms up."""
    assert outcome("python_traced_bytes", [5e5 + 343 * units for units in UNITS]) == "fail"
    assert outcome("python_traced_bytes", [5e5 + 13 * units for units in UNITS]) == "pass"
    assert outcome("python_allocated_blocks", [1e5 + 1.06 * units for units in UNITS]) == "fail"
    assert outcome("python_allocated_blocks", [1e5 + 0.08 * units for units in UNITS]) == "pass"
    assert outcome("rooms", [0.08 * units for units in UNITS]) == "fail"


def test_what_is_level_or_warms_up_is_none():
    assert outcome("memory", [50 * MIB] * 16) == "pass"
    assert outcome("memory", [50 * MIB + 4_000 * min(units, 2_000) for units in UNITS]) == "pass"
    assert outcome("memory", [50 * MIB + 65_536 * (point > 11) for point in range(16)]) == "pass"
    assert outcome("threads", [8.0, 9.0] * 8) == "pass"


def test_what_a_level_memory_may_hide_is_said():
    (warm,) = grew(UNITS, {"memory": [50 * MIB + 4_000 * min(units, 2_000) for units in UNITS]})
    assert hidden(warm).startswith("memory had grown by 7,000,000 bytes before it was level: some 3,500 bytes of each")
    (level,) = grew(UNITS, {"memory": [50 * MIB + 100 * min(units, 2_000) for units in UNITS]})
    assert hidden(level) == ""
    (grows,) = grew(UNITS, {"memory": [50 * MIB + 4_000 * units for units in UNITS]})
    assert hidden(grows) == ""


def test_what_grows_once_by_much_is_not_said_to_grow_with_users():
    assert outcome("memory", [50 * MIB + 8 * MIB * (point > 11) for point in range(16)]) == "unknown"


def test_what_goes_up_and_down_too_much_to_tell_is_unclear():
    assert outcome("memory", [50 * MIB + 8 * MIB * (point % 2) for point in range(16)]) == "unknown"


def test_fewer_readings_tell_nothing():
    assert grew(UNITS[:15], {"memory": [1.0] * 15}) == ()


@contextlib.contextmanager
def keeping(count):
    line = [sys.executable, Path(__file__).with_name("keeping_server.py"), str(count)]
    environment = {**os.environ, "CROSSTALK_JWT_SECRET": SECRET}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            yield *server.stdout.readline().split(), server.pid
        finally:
            server.stdin.close()
            server.wait(10)


def soak(tmp_path, monkeypatch, *arguments):
    monkeypatch.setenv("CROSSTALK_JWT_SECRET", SECRET)
    fast = ("--users", "320", "--connect-rate", "500", "--rate", "2000", "--run-seconds", "10")
    done = CliRunner().invoke(cli, ["soak", *arguments, *fast, "--reports", str(tmp_path)])
    return done, json.loads((tmp_path / "live_soak.json").read_text())


def test_a_server_that_keeps_something_of_everybody_is_found_out(tmp_path, monkeypatch):
    gauge = "python_allocated_blocks"
    with keeping(40_000) as (url, metrics, pid):
        looked = ("--pid", str(pid), "--metrics", metrics, "--gauge", gauge)
        done, found = soak(tmp_path, monkeypatch, url, *looked)
    assert done.exit_code == 1, done.output
    memory = next(one for one in found["grown"] if one["quantity"] == "memory")
    assert memory["outcome"] == "fail" and 30_000 < memory["each"]["value"] < 60_000
    kept = next(one for one in found["grown"] if one["quantity"] == gauge)
    assert kept["outcome"] != "pass" and 0.9 < kept["each"]["value"] < 10  # garbage that comes and goes may blur it
    assert {one["outcome"] for one in found["grown"] if one["quantity"] not in ("memory", gauge)} == {"pass"}
    assert found["judged"]["verdict"] == "pass", found["judged"]["checks"]
    assert "grows   memory: " in done.stdout and "for each of 160 departed users" in done.stdout
    assert done.stdout.endswith(f"report: {tmp_path / 'index.html'}\n")
    text = (tmp_path / "index.html").read_text()
    assert "memory, by how many users have gone" in text and "The live run" in text
    assert json.loads((tmp_path / "verdict.json").read_text())["checks"] == found["judged"]["checks"]


def test_without_a_look_at_the_server_growth_is_unknown_and_the_rest_is_judged(tmp_path, monkeypatch):
    with keeping(0) as (url, _, _):
        done, found = soak(tmp_path, monkeypatch, url)
    assert done.exit_code == 3, done.output
    assert f"note: {UNSEEN}" in done.stdout and found["grown"] == []
    assert found["judged"]["verdict"] == "pass"


def test_a_process_is_looked_at_with_its_children():
    before = asyncio.run(process(os.getpid())())
    line = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "up\n"
        after = asyncio.run(process(os.getpid())())
        child.communicate("\n")
    assert after["memory"] > before["memory"] + MIB
    assert after["threads"] > before["threads"] and after["open files"] > before["open files"]
    with pytest.raises(ValueError, match="there is no process"):
        process(child.pid)


SHOWN = """# HELP process_resident_memory_bytes Resident memory size in bytes.
process_resident_memory_bytes 5.0e+07
rooms{kind="open"} 3
rooms{kind="quiet"} 4 1700000000
roomsize 9
"""


def test_metrics_are_read_as_prometheus_reads_them():
    async def show(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        if asked.startswith(b"GET /endless "):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
        head = b"302 Found\r\nLocation: /metrics" if asked.startswith(b"GET /moved ") else b"200 OK"
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(SHOWN), SHOWN.encode()))
        writer.close()

    async def main():
        async with await asyncio.start_server(show, "127.0.0.1", 0) as server:
            base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            assert await metrics(f"{base}/metrics", ("rooms",))() == {"memory": 5.0e7, "rooms": 7.0}
            with pytest.raises(ProbeFailed, match="do not tell users"):
                await metrics(f"{base}/metrics", ("users",))()
            for path, words in (("moved", "was answered 302 Found"), ("endless", "by more than 4,194,304 bytes")):
                with pytest.raises(ProbeFailed, match=words):
                    await metrics(f"{base}/{path}")()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hub.py:Hub", "--pid", "1"), "are of addresses"),
        (("ws://127.0.0.1:1/ws", "--name", "publish=emit"), "--name and --guarantee are of broadcasters"),
        (("ws://127.0.0.1:1/ws", "--gauge", "rooms"), "say where they are by --metrics"),
        (("ws://127.0.0.1:1/ws", "--metrics", "https://metrics.example/"), "metrics.example is not among the hosts"),
        (("ws://127.0.0.1:1/ws", "--auth", "none"), "could not connect"),
    ],
)
def test_what_cannot_be_soaked_is_a_sentence(arguments, words):
    done = CliRunner().invoke(cli, ["soak", *arguments])
    assert done.exit_code == 2 and words in done.stderr, done.output
    assert done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1
