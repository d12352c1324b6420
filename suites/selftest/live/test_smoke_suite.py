"""`pytest --pyargs crosstalk.suites.smoke`, as a user types it, against correct and leaking systems."""

import json
import os
import re
import subprocess
import sys

import planted
from serving import SECRET, serving

PROFILE = """
auth = "jwt"
users = 6
duration = 3
run-seconds = 2
"""
WITHOUT_REFUSALS = ("-k", "not must_not_get_in")  # they have tests of their own


def run(cwd, *arguments):
    line = [sys.executable, "-m", "pytest", "--pyargs", *arguments, "-p", "no:asyncio", "-rA", "--tb=short"]
    environment = {**os.environ, "CROSSTALK_JWT_SECRET": SECRET}
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=90, env=environment)


def test_without_a_broadcaster_the_demonstration_passes_on_two_workers(tmp_path):
    done = run(tmp_path, "crosstalk.suites.smoke", "--crosstalk-budget", "3", "-n", "2", *WITHOUT_REFUSALS)
    assert done.returncode == 0, done.stdout
    assert "6 passed, 4 skipped" in done.stdout
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    assert verdict["verdict"] == "pass"
    assert verdict["live"]["users"] == 20, "each worker had its share"
    latency = verdict["live"]["latency"]
    assert sum(count for _, count in latency["buckets"]) == latency["count"] > 0
    assert len(set(verdict["live"]["heat"]["users"])) > 10, "of both workers"
    isolation = next(check for check in verdict["checks"] if check["name"] == "isolation")
    assert isolation["opportunities"] == sum(verdict["live"]["bases"].values())


def test_a_leak_fails_its_own_test_with_the_picture(tmp_path):
    (tmp_path / "smoke.toml").write_text(PROFILE)
    with serving(lambda: planted.HeldCurrentUser(SECRET, 0.01).serving()) as url:
        done = run(
            tmp_path,
            "crosstalk.suites",
            "--broadcaster",
            url,
            "--crosstalk-profile",
            "smoke.toml",
            "--alluredir=results",
            *WITHOUT_REFUSALS,
        )
    assert done.returncode == 1, done.stdout
    assert "FAILED" in done.stdout and "test_no_user_is_sent_what_belongs_to_another" in done.stdout
    assert "which belongs to 'crosstalk-user-" in done.stdout
    assert ">> isolation:" in done.stdout
    assert "is a live system: it is judged by the smoke suite" in done.stdout
    assert SECRET not in done.stdout
    results = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("*-result.json")]
    (leak,) = (result for result in results if result["name"] == "test_no_user_is_sent_what_belongs_to_another")
    assert {"name": "epic", "value": "Crosstalk"} in leak["labels"]
    (step, *_) = leak["steps"]
    assert step["status"] == "failed" and any("HERE: " in inner["name"] for inner in step["steps"])
    picture = next(one["source"] for one in leak["attachments"] if one["name"] == "isolation: picture")
    assert "asks for run 1" in (tmp_path / "results" / picture).read_text()


def test_a_broadcaster_in_process_is_not_disturbed(tmp_path):
    done = run(tmp_path, "crosstalk.suites", "--broadcaster", "crosstalk.reference.hub:Hub", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b[1-9]\d* deselected", done.stdout)
    assert "test_live_system" not in done.stdout


def test_what_cannot_be_reached_is_one_sentence(tmp_path):
    done = run(tmp_path, "crosstalk.suites.smoke", "--broadcaster", "ws://127.0.0.1:9/ws", "-k", "belongs")
    assert done.returncode == 1
    assert "crosstalk: 'crosstalk-user-0001' could not connect to ws://127.0.0.1:9/ws: nobody listens" in done.stdout
    assert "Traceback" not in done.stdout and "During handling" not in done.stdout
