"""A real system that isn't Python: an agent chat on Node's `ws`, correct and with one planted leak."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from serving import check, failed

from crosstalk.live import examine, plan
from crosstalk.profile import Profile

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]


def modules():
    """Where npm put `ws`: beside .ci/run, in the checkout, or for everybody."""
    places = [ROOT / ".ci" / "node" / "node_modules", ROOT / "node_modules"]
    if shutil.which("npm"):
        done = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True)
        places.append(Path(done.stdout.strip() or "/nowhere"))
    return next((place for place in places if (place / "ws").is_dir()), None)


@pytest.fixture(scope="module")
def node_path():
    if not shutil.which("node"):
        pytest.skip("Node.js is not installed")
    found = modules()
    if found is None:
        pytest.skip("the npm package ws is not installed: npm install --no-save --prefix .ci/node ws")
    return str(found)


@contextlib.contextmanager
def chat(node_path, *arguments):
    running = subprocess.Popen(
        ["node", str(HERE / "node" / "chat.cjs"), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_PATH": node_path},
    )
    try:
        yield running.stdout.readline().strip()
    finally:
        running.stdin.close()
        running.wait(10)
        running.stdout.close()


def judged(url, seconds):
    auth = {"kind": "none", "query": {"user": "{user}"}}
    return examine(plan(Profile(url=url, auth=auth, users=12, duration=seconds, run_seconds=3.0)))


def test_the_correct_chat_passes(node_path):
    with chat(node_path) as url:
        verdict = judged(url, 4.0)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert verdict.controls and all(control.caught for control in verdict.controls)
    assert check(verdict, "isolation").opportunities > 300
    assert set(verdict.live.bases) <= {"canary", "run id", "thread id"}


def test_the_leak_is_found(node_path):
    with chat(node_path, "leak") as url:
        verdict = judged(url, 2.0)
    assert "isolation" in failed(verdict)
    leak = check(verdict, "isolation").violations[0]
    assert len(set(leak.users)) == 2
