"""The command, typed as a user types it: exit codes, sentences, verdict.json, replay."""

import json
import subprocess
import sys
from pathlib import Path

LEAKY = """
class Hub:
    def __init__(self):
        self.connections = {}
    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)
    async def disconnect(self, user_id, websocket):
        self.connections[user_id].remove(websocket)
    async def broadcast_to_user(self, user_id, event):
        mine = self.connections.get(user_id) or [w for ws in self.connections.values() for w in ws]
        for websocket in list(mine):
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
"""


def crosstalk(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()", *arguments]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_the_reference_passes(tmp_path):
    done = crosstalk("check", "--budget", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    assert verdict["verdict"] == "pass"
    assert all(control["caught"] for control in verdict["controls"])
    assert all(check["opportunities"] > 0 for check in verdict["checks"])


def test_a_leak_is_found_made_small_and_replayed(tmp_path):
    (tmp_path / "ws.py").write_text(LEAKY)
    done = crosstalk("check", "ws.py:Hub", "--budget", "4", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    leak = next(check for check in verdict["checks"] if check["name"] == "isolation")["violations"][0]
    assert len(leak["users"]) == 2
    assert leak["schedule"]["deviations"] == 0  # a sequence alone shows this one
    replayed = crosstalk("replay", leak["replay"], cwd=tmp_path)
    assert replayed.returncode == 1
    assert replayed.stdout.strip() == leak["timeline"].strip()


LOUD = """
import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)
print("loud at import")
class Hub(Leaky):
    async def connect(self, user_id, websocket):
        print("loud", user_id)
        print("loud", user_id, file=sys.stderr)
        logging.info("loud %s", user_id)
        await super().connect(user_id, websocket)
"""


def test_what_the_broadcaster_prints_and_logs_is_shown_by_replay_only(tmp_path):
    (tmp_path / "ws.py").write_text(LEAKY.replace("Hub", "Leaky") + LOUD)
    done = crosstalk("check", "ws.py:Hub", "--budget", "1", cwd=tmp_path)
    assert done.returncode == 1 and "isolation" in done.stdout
    assert "loud" not in done.stdout + done.stderr
    replayed = crosstalk("replay", "reports", cwd=tmp_path)
    assert "loud alice" in replayed.stdout and "loud alice" in replayed.stderr


def test_what_cannot_be_loaded_is_said_in_one_sentence(tmp_path):
    (tmp_path / "broken.py").write_text("raise ValueError('no config')")
    (tmp_path / "other.py").write_text("class Thing: pass\ndef boom(): raise OSError('no database')")
    for spec, words in (
        ("nowhere.module:Hub", "could not be imported"),
        ("missing.py:Hub", "there is no file"),
        ("broken.py:Hub", "no config"),
        ("other.py:Thing", "no method to connect a user"),
        ("other.py:boom", "no database"),
        ("other.py:absent", "it defines"),
        ("nonsense", "is no target"),
    ):
        done = crosstalk("check", spec, cwd=tmp_path)
        assert done.returncode == 2, spec
        assert words in done.stderr, spec
        assert "Traceback" not in done.stderr + done.stdout


def test_a_file_may_import_what_the_working_folder_holds_but_not_by_dots(tmp_path):
    package = tmp_path / "app" / "ws"
    package.mkdir(parents=True)
    (tmp_path / "app" / "config.py").write_text("LIMIT = 3")
    (package / "named.py").write_text("from app.config import LIMIT\nclass Hub: pass")
    (package / "dotted.py").write_text("from ..config import LIMIT\nclass Hub: pass")
    done = crosstalk("check", "app/ws/named.py:Hub", cwd=tmp_path)
    assert "no method to connect a user" in done.stderr
    done = crosstalk("check", "app/ws/dotted.py:Hub", cwd=tmp_path)
    assert done.returncode == 2 and "give it as a module, such as app.ws.dotted:Hub" in done.stderr
    done = crosstalk("check", "app.ws.dotted:Hub", cwd=tmp_path)
    assert "no method to connect a user" in done.stderr


def test_a_damaged_token_is_said_to_be_damaged(tmp_path):
    for token, words in (("ct1-abc", "damaged"), ("hello", "no crosstalk token")):
        done = crosstalk("replay", token, cwd=tmp_path)
        assert done.returncode == 2
        assert words in done.stderr


def test_the_same_seed_gives_the_same_run_under_any_hash_seed(tmp_path):
    code = (
        "import random;from crosstalk.examination import open_target;from crosstalk.scenarios.program import draw;"
        "from crosstalk.schedule.strategies.random_walk import RandomWalk;"
        "e=open_target('crosstalk.reference.hub:Hub');s=random.Random(5);w=RandomWalk(s);"
        "print([e.run(draw(s),w)for _ in range(40)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            cwd=tmp_path,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "History(" in outputs.pop()


def test_a_broadcaster_that_blocks_the_thread_is_interrupted(tmp_path):
    spinning = LEAKY.replace("mine = self", "while event: pass\n        mine = self")
    (tmp_path / "ws.py").write_text(spinning)
    done = crosstalk("check", "ws.py:Hub", "--budget", "2", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "kept the thread for 3 s without awaiting" in done.stdout
