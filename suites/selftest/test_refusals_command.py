"""`crosstalk refusals`, typed as a user types it, against a server in another process."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from listening import free_port, listening

SECRET = "a shared secret of some length, as it should be"
AUTH = "jwt claims.aud=chat claims.iss=https://issuer.example"
QUICK = ("--patience", "0.5", "--connect-rate", "400")
SERVER = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from guarded_server import Guard
from websockets.asyncio.server import serve

async def main():
    guard = Guard({secret!r}, "HS256", hole=sys.argv[2], port=int(sys.argv[1]))
    async with serve(guard.handler, "127.0.0.1", guard.port, process_request=guard.process_request):
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


@contextlib.contextmanager
def server(folder, hole=""):
    script = folder / "server.py"
    script.write_text(SERVER.format(folder=str(Path(__file__).parent), secret=SECRET))
    port = free_port()
    with listening([str(script), str(port), hole], port, folder):
        yield f"ws://127.0.0.1:{port}/ws/{{user}}"


def crosstalk(*arguments, cwd, secret=SECRET):
    line = [sys.executable, "-W", "error", "-c", "from crosstalk.cli import main; main()", "refusals", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CROSSTALK_")}
    environment.pop("CI", None)  # its log would have lines of progress
    environment |= {"CROSSTALK_JWT_SECRET": secret} if secret else {}
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_a_server_that_refuses_passes(tmp_path):
    with server(tmp_path) as url:
        done = crosstalk(url, "--auth", AUTH, *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    assert verdict["verdict"] == "pass" and verdict["target"] == url
    [check] = verdict["checks"]
    assert check["name"] == "authentication" and check["opportunities"] == 18
    assert verdict["controls"] == [{"check": "authentication", "sabotage": "let_everybody_in", "caught": True}]


def test_a_hole_fails_with_the_request_and_without_a_secret(tmp_path):
    with server(tmp_path, "ignores aud") as url:
        done = crosstalk(url, "--auth", AUTH, *QUICK, cwd=tmp_path)
        few = ("--preset", "none", "--must", "garbage=refused", "--must", "wrong audience=allowed")
        allowed = crosstalk(url, "--auth", AUTH, *few, *QUICK, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "was let in with a token for another audience, and served like a good user" in done.stdout
    assert "   Authorization: Bearer [redacted]" in done.stdout
    assert '"aud": "crosstalk-another-audience"' in done.stdout
    assert allowed.returncode == 0, allowed.stdout
    written = "".join(path.read_text() for path in (tmp_path / "reports").iterdir())
    assert SECRET not in done.stdout + done.stderr + written
    assert "eyJ" not in done.stdout + written


@pytest.mark.parametrize(
    ("arguments", "secret", "says"),
    [
        (("ftp://127.0.0.1/",), SECRET, "ws://"),
        (("ws://[/",), SECRET, "is no WebSocket address"),
        (("wss://example.com/ws",), SECRET, "add --allow-host example.com"),
        (("ws://127.0.0.1:1/",), "", "HS256 tokens need a key: set CROSSTALK_JWT_SECRET"),
        (("ws://127.0.0.1:1/", "--auth", "saml"), SECRET, "--auth: 'saml' is no kind of log-in"),
        (("ws://127.0.0.1:1/", "--must", "tokens=refused"), SECRET, "'tokens' is no refusal: give one of no token,"),
        (("ws://127.0.0.1:1/", "--must", "garbage"), SECRET, "'garbage' can't be ''"),
        (("ws://127.0.0.1:1/",), SECRET, "with good credentials 'crosstalk-refusal-0a' was unreachable"),
    ],
)
def test_what_cannot_be_tried_is_said_in_one_sentence(arguments, secret, says, tmp_path):
    done = crosstalk(*arguments, cwd=tmp_path, secret=secret)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1 and says in done.stderr
    assert not (tmp_path / "reports").exists()


PROFILE = """
auth = {{ kind = "jwt", claims = {{ aud = "chat", iss = "https://issuer.example" }} }}
url = "{url}"
subscribe = '{{"type":"subscribe","channel":"user:{{user}}"}}'
users = ["alice", "bob"]
patience = 0.4
refusals = "none"
must = {{ garbage = "upgrade", "other's channel" = "refused", "wrong audience" = "properly" }}
"""


def test_a_profile_says_all_of_it_and_the_command_line_adds(tmp_path):
    with server(tmp_path, "subscribes to any channel") as url:
        (tmp_path / "staging.toml").write_text(PROFILE.format(url=url))
        done = crosstalk("--profile", "staging.toml", cwd=tmp_path)
        allowed = crosstalk("--profile", "staging.toml", "--must", "other's channel=allowed", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "'alice' was sent what belongs to 'bob': a subscription to another user's channel by name" in done.stdout
    again = next(line for line in done.stdout.splitlines() if line.startswith("again: "))
    assert again.endswith("--profile staging.toml --preset none --must 'other'\"'\"'s channel=refused'")
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    verdict = json.loads((tmp_path / "reports" / "verdict.json").read_text())
    assert verdict["checks"][0]["opportunities"] == 2


def test_the_demonstration_refuses_who_must_not_get_in(tmp_path):
    done = crosstalk("--patience", "0.5", cwd=tmp_path, secret="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: pass for the demonstration application" in done.stdout


def test_another_key_than_the_servers_is_said(tmp_path):
    with server(tmp_path) as url:
        done = crosstalk(url, "--auth", AUTH, *QUICK, cwd=tmp_path, secret="another secret, not the server's")
    assert done.returncode == 2
    assert "is the key right, the carrier the one it reads, and does it ask for an aud or iss?" in done.stderr
