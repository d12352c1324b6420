"""Replays that teach: told in steps and sentences, stopped in pdb at the wrong frame, and honest about what changed."""

import contextlib
import re
import subprocess
import sys
import zlib
from base64 import urlsafe_b64encode
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner
from verdicts import ZOO, examined, made, violation

from crosstalk.cli import cli
from crosstalk.model.live_figures import Sighting
from crosstalk.model.verdict import CheckVerdict, FoundViolation, Schedule
from crosstalk.scenarios.program import Connect, Program
from crosstalk.scenarios.token import Counterexample, read, write


def crosstalk(*arguments, cwd):
    """The command, typed in the folder `cwd`."""
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(cli, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def debugged(token, cwd, typed):
    """`replay --debug` in a process of its own, since pytest has its own idea of pdb."""
    line = [sys.executable, "-W", "error", "-c", "from crosstalk.cli import main; main()", "replay", token, "--debug"]
    return subprocess.run(line, cwd=cwd, input=typed, capture_output=True, text=True, timeout=120)


def token(member, check):
    return violation(member, check).replay


LEAK = ("everybody_when_absent", "isolation")


def test_explained_in_sentences_in_the_order_of_time(tmp_path):
    done = crosstalk("explain", token("held_current_user", "isolation"), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    told = done.stdout
    wrong = re.search(
        r"HERE: While the send of event #(\d+) to (\w+)/\d was waiting for its answer, event #(\d+) of (\w+)", told
    )
    assert wrong, told
    waiting, receiver, event, owner = wrong.groups()
    assert owner != receiver and event != waiting
    assert told.index(f"for {owner} is published: event #{event}") < wrong.start()
    assert f"'{receiver}' was sent an event that belongs to '{owner}'" in told[wrong.end() :]
    assert "The rule: No user is ever sent what belongs to another user." in told
    assert re.search(r"Look at .*held_current_user\.py:\d+ in Hub\.broadcast_to_user\.", told)


def test_explained_with_the_one_decision_that_matters(tmp_path):
    done = crosstalk("explain", token("impatient_sender", "duplicate"), cwd=tmp_path)
    assert "this could happen:" in done.stdout
    fails = re.search(r"It fails when (.*)\.", done.stdout)[1]
    keeps = re.search(r"The nearest schedule that keeps the rule: (.*)\.", done.stdout)[1]
    assert fails != keeps


def test_explained_with_decisions_that_only_together_keep_the_rule(tmp_path):
    done = crosstalk("explain", token("welcome_first", "golden_path"), cwd=tmp_path)
    assert done.stdout.count("this could happen:") == 2
    assert "It takes these two decisions together to keep the rule." in done.stdout


def test_in_steps_with_where_everybody_stands(tmp_path):
    done = crosstalk("replay", token(*LEAK), "--steps", cwd=tmp_path)
    assert done.returncode == 1
    numbers = [int(n) for n in re.findall(r"^ *(\d+)\. ", done.stdout, re.M)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 3
    owner, receiver = violation(*LEAK).users
    assert re.search(rf"{receiver}: {receiver}/\d open on socket 0, waiting for the answer to #\d", done.stdout)
    assert re.search(rf"{owner}: (publish|probe) of #\d not returned", done.stdout)
    assert re.search(rf"1\. {receiver} connects on .*\n(?:.*\n)??       {receiver}: {receiver}/\d open", done.stdout)
    assert ">> The frame was sent at" in done.stdout


def test_the_debugger_stops_in_the_frame_that_sends_the_wrong_frame(tmp_path):
    typed = "p ('here', user_id, event['user_id'])\nw\nc\n"
    done = debugged(token(*LEAK), tmp_path, typed)
    owner = violation(*LEAK).users[0]
    assert done.stdout.count("is about to send this") == 1
    assert f"('here', '{owner}', '{owner}')" in done.stdout
    assert re.search(
        r"> .*everybody_when_absent\.py\(24\)broadcast_to_user\(\)\n-> await websocket\.send_json\(event\)", done.stdout
    )
    assert done.returncode == 1 and ">> isolation" in done.stdout


def test_the_debugger_stops_before_the_call_where_no_frame_is_to_blame(tmp_path):
    done = debugged(token("tab_close", "delivery"), tmp_path, "p ('for', user)\nq\n")
    assert "publish(user, given) is about to be called" in done.stdout
    assert "('for', 'alice')" in done.stdout
    assert ">> delivery" in done.stdout  # left by q, the run goes on


def test_a_debugger_at_the_end_of_its_input_goes_on(tmp_path):
    done = debugged(token(*LEAK), tmp_path, "")
    assert done.returncode == 1 and ">> isolation" in done.stdout and "Traceback" not in done.stderr


def test_a_changed_broadcaster_is_recognised(tmp_path):
    code = (ZOO / "everybody_when_absent.py").read_text()
    (tmp_path / "hub.py").write_text(code)
    example = read(token(*LEAK))
    here = write(msgspec.structs.replace(example, target="hub.py:create"))
    same = crosstalk("replay", here, cwd=tmp_path)
    assert (same.returncode, same.stderr) == (1, "")
    (tmp_path / "hub.py").write_text("# moved\n" + code)
    moved = crosstalk("replay", here, cwd=tmp_path)
    assert moved.returncode == 1
    assert moved.stderr == "crosstalk: hub.py:create has changed since this token was made; this is what it does now\n"
    (tmp_path / "hub.py").write_text(code.replace("or everybody", "or ()"))
    for command in ("replay", "explain"):
        mended = crosstalk(command, here, cwd=tmp_path)
        assert mended.returncode == 3
        assert "has changed since" in mended.stderr and "the violation did not occur" in mended.stdout


MOODY = """
import itertools

serial = itertools.count()

class Hub:
    def __init__(self):
        self.fails = next(serial) % EACH == EACH - 1
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets[user_id] = websocket

    async def disconnect(self, user_id, websocket):
        self.sockets.pop(user_id, None)

    async def publish(self, user_id, event):
        if user_id in self.sockets and not self.fails:
            await self.sockets[user_id].send_json(event)
"""


def test_what_shows_only_now_and_then_is_played_more_than_once(tmp_path):
    """As a broadcaster does whose sets are ordered by addresses."""
    program = Program(("alice",), (0,), ((Connect(0),),))
    here = write(Counterexample("hub.py:Hub", "delivery", "lost", "plain", program, ()))
    (tmp_path / "hub.py").write_text(MOODY.replace("EACH", "5"))
    done = crosstalk("replay", here, cwd=tmp_path)
    assert done.returncode == 1 and ">> delivery" in done.stdout
    assert "not in those before: the broadcaster depends on addresses" in done.stderr
    (tmp_path / "hub.py").write_text(MOODY.replace("EACH", "10**6"))
    done = crosstalk("replay", here, cwd=tmp_path)
    assert done.returncode == 3 and "did not occur in 40 plays" in done.stdout


def packed(value):
    return "ct1-" + urlsafe_b64encode(zlib.compress(msgspec.msgpack.encode(value))).decode().rstrip("=")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ct2-abcdef", "another version of crosstalk (ct2; this one reads ct1)"),
        ("ct999-", "another version of crosstalk (ct999"),
        ("ct1-!!!", "damaged"),
        ("ct1-", "damaged"),
        (packed({"a": 1}), "another version of crosstalk, whose programs this one does not know"),
        (packed(["t:a", "isolation", "leak", "s", [["a"], [0], [[["teleport", 0]]]], [0]]), "whose programs this one"),
        ("ct1-" + urlsafe_b64encode(zlib.compress(b"\0" * 50_000_000)).decode(), "damaged"),
        ("hello", "no crosstalk token"),
        ("x" * 5_000, "no crosstalk token"),
    ],
    ids=range(9),
)
def test_tokens_that_cannot_be_read_are_told_apart(tmp_path, given, words):
    for command in ("replay", "explain"):
        done = crosstalk(command, given, cwd=tmp_path)
        assert done.returncode == 2
        assert words in done.stderr and done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1


def test_a_token_of_the_version_before_digests_still_replays(tmp_path):
    example = msgspec.to_builtins(read(token(*LEAK)))
    done = crosstalk("replay", packed(example[:-1]), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")


def test_violations_of_a_verdict_are_chosen_by_number(tmp_path):
    verdict = examined("everybody_when_absent")
    path = tmp_path / "verdict.json"
    path.write_bytes(msgspec.json.encode(verdict))
    count = sum(len(check.violations) for check in verdict.checks)
    assert count > 1
    last = crosstalk("replay", str(path), "--number", str(count), cwd=tmp_path)
    name = [check.name for check in verdict.checks if check.violations][-1]
    assert f">> {name}: " in last.stdout
    beyond = crosstalk("replay", str(tmp_path), "--number", str(count + 1), cwd=tmp_path)
    assert beyond.returncode == 2 and f"there is no number {count + 1}" in beyond.stderr


def test_what_was_seen_live_has_no_exact_replay_and_says_what_there_is(tmp_path):
    seen = Sighting(1.0, 0, command="crosstalk smoke ws://127.0.0.1:9/ws --seed 7")
    found = FoundViolation("m", ("alice", "bob"), "", Schedule("live", 0), "the timeline", "leak", sighting=seen)
    live = msgspec.structs.replace(made(0), checks=(CheckVerdict("isolation", "fail", 10, (found,)),))
    (tmp_path / "verdict.json").write_bytes(msgspec.json.encode(live))
    done = crosstalk("replay", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"crosstalk: violation 1 of {tmp_path} was seen on a live system")
    assert done.stderr.endswith("again by: crosstalk smoke ws://127.0.0.1:9/ws --seed 7\n")
    told = crosstalk("explain", str(tmp_path), cwd=tmp_path)
    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout.startswith("m.\n") and "It was seen once, first after 1.0 s in round 0." in told.stdout
    assert told.stdout.endswith("The same programs again: crosstalk smoke ws://127.0.0.1:9/ws --seed 7\n")


def test_a_token_of_a_check_that_is_none_is_one_sentence(tmp_path):
    one = msgspec.structs.replace(read(token(*LEAK)), check="telepathy")
    moved = msgspec.structs.replace(one, target=f"{one.target} -> {one.target} by drain")
    for command, given in (("replay", write(one)), ("explain", write(moved))):
        done = crosstalk(command, given, cwd=tmp_path)
        words = "crosstalk: this token is of a check that this crosstalk does not know: 'telepathy'\n"
        assert (done.returncode, done.stderr) == (2, words)
