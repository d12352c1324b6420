"""`crosstalk smoke`, typed as a user types it: verdicts, refusals, what it leaves behind, and how it ends."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import planted
import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.errors import JoseError
from serving import SECRET, serving

from crosstalk.cli import cli

ALONE = ("--refusals", "none")  # they take their time, and have tests of their own
LINE = [sys.executable, "-c", "from crosstalk.cli import main; main()", "smoke"]


def environment(**changes):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CROSSTALK_")}
    return {**plain, "CROSSTALK_JWT_SECRET": SECRET, **changes}


def smoke(cwd, *arguments, **changes):
    return subprocess.run(
        [*LINE, *arguments], cwd=cwd, capture_output=True, text=True, timeout=90, env=environment(**changes)
    )


def verdict(folder):
    return json.loads((folder / "reports" / "verdict.json").read_text())


def test_without_a_url_the_demonstration_is_judged_and_passes(tmp_path):
    began = time.monotonic()
    done = smoke(tmp_path, "--users", "6", "--duration", "4", "--latency-limit", "2s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 30
    found = verdict(tmp_path)
    assert found["verdict"] == "pass"
    assert found["controls"] and all(control["caught"] for control in found["controls"])
    isolation = next(check for check in found["checks"] if check["name"] == "isolation")
    assert isolation["opportunities"] > 100
    assert re.match(r"0 leaks: below 0\.0\d+ a delivery at 95 %; judged \d", isolation["reason"])
    assert 0 < found["live"]["bound"] < 3.2 / isolation["opportunities"]
    assert found["live"]["users"] == 6 and found["live"]["latency"]["count"] > 20
    assert found["live"]["latency"]["p50"] <= found["live"]["latency"]["p99"] <= found["live"]["latency"]["max"]
    assert "verdict: pass for the demonstration application" in done.stdout


def test_a_latency_beyond_the_limit_fails(tmp_path):
    with serving(lambda: planted.Chat(SECRET, 0.2).serving()) as url:
        done = smoke(
            tmp_path, url, "--auth", "jwt", "--users", "3", "--duration", "3", "--latency-limit", "20ms", *ALONE
        )
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"latency: p95 \d+ ms, limit 20 ms", done.stdout)
    live = verdict(tmp_path)["live"]
    assert live["limits"]["latency"]["seconds"] == 0.02
    assert live["latency"]["count"] * 0.05 < live["limits"]["latency"]["beyond"] <= live["latency"]["count"]


def test_a_leak_is_shown_and_no_artefact_holds_a_secret(tmp_path):
    tokens = set()

    class Spied(planted.ShowsTokens):
        def admit(self, connection, request):
            answer = super().admit(connection, request)
            tokens.update(self.tokens.values())
            return answer

    with serving(lambda: Spied(SECRET, 0.01).serving()) as url:
        done = smoke(tmp_path, url, "--auth", "jwt", "--users", "5", "--duration", "6", "--run-seconds", "2", *ALONE)
    assert done.returncode == 1, done.stdout + done.stderr
    leak = next(check for check in verdict(tmp_path)["checks"] if check["name"] == "isolation")["violations"][0]
    owner, receiver = leak["users"]
    assert re.fullmatch(f"'{receiver}' was sent agent_\\w+, which belongs to '{owner}' by its .*", leak["message"])
    assert ">>" in leak["timeline"] and f"OF {owner}" in leak["timeline"]
    assert "[redacted]" in leak["sighting"]["excerpt"]
    assert leak["sighting"]["repeats"] >= 1, "its round was played again"
    (again,) = {line for line in done.stdout.splitlines() if line.startswith("again: ")}
    assert again.startswith(f"again: crosstalk smoke {url} --") and again.endswith(" --seed 0")
    assert "--users 5" in again and "--auth jwt" in again
    assert len(tokens) == 5
    artefacts = {path: path.read_bytes() for path in (tmp_path / "reports").rglob("*") if path.is_file()}
    assert {path.name for path in artefacts} >= {"verdict.json", "live.jsonl"}
    artefacts[Path("output")] = (done.stdout + done.stderr).encode()
    for path, data in artefacts.items():
        assert SECRET.encode() not in data, path
        for token in tokens:
            assert token.encode() not in data and token.split(".")[2].encode() not in data, path
        assert b"ZXlK" not in data and b"eyJ" not in data, path


USAGE = {
    "a foreign host": (["ws://example.com/ws"], "example.com is not among the hosts that may be tested"),
    "a look-alike of loopback": (["ws://localhost.example.com/ws"], "may be tested"),
    "half an address": (["ws://[::1/ws"], "is no WebSocket address"),
    "no such port": (["ws://localhost:99999/ws"], "is no WebSocket address"),
    "a space in the host": (["ws://local host/ws"], "may be tested"),
    "no WebSocket": (["ftp://localhost/"], "begins with neither ws:// nor wss://"),
    "messages to an event stream": (["http://localhost/"], "what starts a run there? give --cause https://"),
    "half an address of a stream": (["http://[::1/"], "is no address of an event stream"),
    "a password in a stream's address": (["http://me:hunter22@localhost/"], "give credentials by --auth"),
    "a password in the address": (["ws://me:hunter22@localhost/"], "give credentials by --auth"),
    "one user": (["--users", "1"], "give 2 users or more"),
    "too many users": (["--users", "6000"], "more than the budget of 5,000"),
    "an unknown profile": (["--profile", "staging"], "staging"),
    "a cause that is none": (["--cause", "nonsense"], "is no way to cause an event"),
    "a template without a place": (["--cause", '{"a": 1}'], "has none of {canary}"),
    "a pointer that is none": (["--read", "type=event"], "begins with a slash"),
    "a grammar that is none": (["--grammar", "a ("], "grammar"),
    "a secret on the command line": (["ws://localhost:1/", "--auth", "jwt secret=hunter22222"], "is a secret"),
    "no such log-in": (["ws://localhost:1/", "--auth", "magic"], "is no kind of log-in"),
    "an HTTP cause elsewhere": (["ws://localhost:1/", "--cause", "https://example.com/ask"], "may be tested"),
    "a token that says hello": (["ws://localhost:1/", "--hello", "{token}"], "no token can stand in it"),
    "a token in a cause": (["ws://localhost:1/", "--cause", '{"t":"eyJhbGciOi.eyJzdWIi","x":"{run}"}'], "can stand in"),
    "a hello to a stream": (["http://localhost/", "--cause", "http://localhost/", "--hello", "a"], "takes no messages"),
    "a subprotocol of two": (["ws://localhost:1/", "--subprotocol", "a,b"], "HTTP forbids there"),
    "a subprotocol of HTTP": (["http://localhost/", "--cause", "chat", "--subprotocol", "a"], "only WebSockets have"),
    "no journal": (["--from-journal", "/dev/null"], "is no journal of a live run"),
}


@pytest.mark.parametrize("case", USAGE)
def test_what_cannot_be_done_is_said_in_one_sentence(case, tmp_path, monkeypatch):
    arguments, words = USAGE[case]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["smoke", *arguments], env={"CROSSTALK_JWT_SECRET": SECRET})
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("crosstalk: ") and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert words in done.stderr
    assert "hunter22" not in done.output


def test_what_cannot_be_reached_is_said_and_the_verdict_is_unknown(tmp_path):
    done = smoke(tmp_path, "ws://127.0.0.1:9/ws", "--auth", "jwt")
    assert done.returncode == 2
    assert "could not connect to ws://127.0.0.1:9/ws: nobody listens there" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert verdict(tmp_path)["verdict"] == "unknown"


def test_a_dry_run_of_the_demonstration_says_so(tmp_path):
    done = smoke(tmp_path, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("target: the demonstration application\n")


def test_a_dry_run_says_what_would_be_done_and_connects_to_nothing(tmp_path):
    accepted = []

    class Spied(planted.Chat):
        def admit(self, connection, request):
            accepted.append(request)
            return super().admit(connection, request)

    with serving(lambda: Spied(SECRET, 0.01).serving()) as url:
        done = smoke(tmp_path, url, "--auth", "jwt", "--dry-run", "--users", "7", "--cause", "chat")
    assert done.returncode == 0, done.stderr
    assert "users: 7, 'crosstalk-user-0001' to 'crosstalk-user-0007'" in done.stdout
    assert '"type":"chat"' in done.stdout and "nothing has been connected to" in done.stdout
    assert SECRET not in done.stdout
    assert not accepted and not (tmp_path / "reports").exists()


def test_a_secret_in_the_environment_is_enough_to_log_in(tmp_path):
    with serving(lambda: planted.Chat(SECRET, 0.01).serving()) as url:
        done = smoke(tmp_path, url, "--users", "3", "--duration", "2", *ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not logged in" not in done.stdout


def test_without_secret_and_log_in_it_is_said_that_users_are_not_logged_in(tmp_path):
    words = "note: users are not logged in: no --auth was given, and CROSSTALK_JWT_SECRET is not set"
    done = smoke(tmp_path, "ws://127.0.0.1:9/ws", "--dry-run", CROSSTALK_JWT_SECRET="")
    assert words in done.stdout and "log-in: none" in done.stdout
    meant = smoke(tmp_path, "ws://127.0.0.1:9/ws", "--dry-run", "--auth", "none", CROSSTALK_JWT_SECRET="")
    assert "log-in: none" in meant.stdout and "not logged in" not in meant.stdout


REFUSALS = """
auth = "jwt"
users = 3
duration = 6
patience = 0.4
reconnect-limit = 2
connect-rate = 200
"""


class NeverExpires(planted.Chat):
    """Believes any token that is well signed."""

    def user_of(self, request):
        for token in self._tokens(request):
            with contextlib.suppress(JoseError, ValueError):
                return jwt.decode(token, self.key, algorithms=["HS256"]).claims["sub"]
        return None


def test_who_must_not_get_in_is_tried_and_judged_with_the_rest(tmp_path):
    (tmp_path / "smoke.toml").write_text(REFUSALS)
    with serving(lambda: NeverExpires(SECRET, 0.01).serving()) as url:
        done = smoke(tmp_path, url, "--profile", "smoke.toml")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {check["name"]: check for check in verdict(tmp_path)["checks"]}
    assert {name for name, check in found.items() if check["verdict"] == "fail"} == {"authentication"}
    said = [violation["message"] for violation in found["authentication"]["violations"]]
    assert any("was let in with a token that expired an hour ago" in message for message in said), said
    assert found["isolation"]["verdict"] == "pass" and found["isolation"]["opportunities"] > 50
    assert found["reconnect"]["verdict"] == "pass" and found["reconnect"]["opportunities"] >= 1
    assert "again: crosstalk refusals ws://127.0.0.1" in done.stdout
    page = (tmp_path / "reports" / "index.html").read_text()
    assert "a token that expired an hour ago" in page and SECRET not in page + done.stdout


def test_reconnects_beyond_the_limit_fail(tmp_path):
    class Slow(planted.Chat):
        async def slowly(self, connection, request):
            await asyncio.sleep(0.15)
            return planted.Chat.admit(self, connection, request)

        def admit(self, connection, request):
            return self.slowly(connection, request)

    with serving(lambda: Slow(SECRET, 0.01).serving()) as url:
        done = smoke(tmp_path, url, "--users", "3", "--duration", "8", "--reconnect-limit", "20ms", *ALONE)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"reconnect: p95 \d+ ms, limit 20 ms: from trying to open a connection again", done.stdout)


PROFILE = """
[tool.crosstalk.profile.staging]
url = "{url}"
users = ["anna", "ben", "cleo"]
duration = "3s"
cause = "user_message"
max-users = 4

[tool.crosstalk.profile.staging.auth]
kind = "jwt"
secret_env = "STAGING_SECRET"
carrier = "query:token"

[tool.crosstalk.profile.staging.read]
sequence = ["/seq"]
"""


def test_a_profile_says_everything_and_limits_what_the_command_line_may_say(tmp_path):
    with serving(lambda: planted.Numbered(SECRET, 0.01).serving()) as url:
        (tmp_path / "pyproject.toml").write_text(PROFILE.format(url=url))
        secrets = {"CROSSTALK_JWT_SECRET": "", "STAGING_SECRET": SECRET}
        done = smoke(tmp_path, "--profile", "staging", *ALONE, **secrets)
        assert done.returncode == 0, done.stdout + done.stderr
        found = verdict(tmp_path)
        assert found["live"]["users"] == 3
        order = next(check for check in found["checks"] if check["name"] == "order")
        assert order["opportunities"] > 20 and order["verdict"] == "pass"
        refused = smoke(tmp_path, "--profile", "staging", "--users", "5", STAGING_SECRET=SECRET)
    assert refused.returncode == 2
    assert "5 users are more than the budget of 4" in refused.stderr
    other = smoke(tmp_path, "--profile", "production")
    assert "has no profile 'production'; there are: staging" in other.stderr


def started(cwd, *arguments):
    return subprocess.Popen(
        [*LINE, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def lines(journal, word):
    return journal.read_text().count(f'["{word}"') if journal.exists() else 0


def test_after_kill_9_the_journal_still_shows_the_leak(tmp_path):
    journal = tmp_path / "reports" / "live.jsonl"
    with serving(lambda: planted.ShowsTokens(SECRET, 0.01).serving()) as url:
        running = started(tmp_path, url, "--auth", "jwt", "--users", "5", "--duration", "60")
        until(lambda: lines(journal, "excerpt") > 3)
        running.kill()
        running.communicate(timeout=20)
    assert not (tmp_path / "reports" / "verdict.json").exists()
    with journal.open("ab") as cut:
        cut.write(b'["d",3.1,')  # as if it had been killed in the middle of a write
    done = smoke(tmp_path, "--from-journal", str(journal))
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(
        r"isolation: 'crosstalk-user-\d+' was sent agent_\w+, which belongs to 'crosstalk-user", done.stdout
    )
    assert SECRET not in done.stdout and "eyJ" not in done.stdout + journal.read_text()


def test_the_demonstration_ends_with_a_harness_that_is_killed(tmp_path):
    running = started(tmp_path, "--users", "4", "--duration", "60")
    journal = tmp_path / "reports" / "live.jsonl"
    until(lambda: lines(journal, "d") > 3)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        running.kill()
        running.communicate()
        pytest.skip("this system does not tell the children of a process")
    demo = int(children.read_text().split()[0])
    running.kill()
    running.communicate(timeout=20)
    until(lambda: not alive(demo))


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_when_it_is_stopped_every_connection_is_closed_and_what_is_known_is_said(stop, tmp_path):
    chat = planted.CountsClosings(SECRET, 0.3)
    with serving(chat.serving) as url:
        running = started(tmp_path, url, "--auth", "jwt", "--users", "5", "--duration", "60", "--no-faults")
        until(lambda: lines(tmp_path / "reports" / "live.jsonl", "d") > 20)
        assert len(chat.devices) == 5
        before = len(chat.codes)
        running.send_signal(stop)
        out, err = running.communicate(timeout=20)
        until(lambda: not chat.devices and len(chat.codes) >= before + 10)
    assert "Traceback" not in out + err
    assert running.returncode == 3, out + err
    assert "verdict: unknown for ws://127.0.0.1" in out and "(interrupted)" in out
    assert set(chat.codes) == {1000}, "each with a closing handshake"
    assert verdict(tmp_path)["interrupted"]
