"""A network that loses and a server that lies: the run goes on where it can, and the verdict is never pass."""

import re
import shutil

import misbehaving
import planted
import pytest
from serving import SECRET, all_judged, check, failed, judged, serving

from crosstalk.demo.chat import Chat
from crosstalk.live_examination import Unreachable

MISBEHAVIOURS = {
    misbehaving.Resets: ("success", "was reset"),
    misbehaving.ClosesWithoutHandshake: ("success", "without a closing handshake"),
    misbehaving.ClosesWithInternalError: ("success", r"closed it with 1011 \(not ready\)"),
    misbehaving.CutsFrames: ("success", "in the middle of a message"),
    misbehaving.SendsGarbage: ("protocol", "a frame broke the protocol"),
    misbehaving.InvalidUtf8: ("protocol", "no valid UTF-8"),
    misbehaving.Oversize: ("protocol", "larger than 1,048,576 bytes"),
    misbehaving.IgnoresPings: ("success", "left a ping unanswered"),
    misbehaving.Dies: ("success", "connect"),
    misbehaving.Restarts: ("success", "a connection was lost"),
    misbehaving.RefusesSome: ("success", "the server answered 503"),
}


@pytest.fixture(scope="module")
def verdicts():
    """On every server that misbehaves in the middle of runs, examined at the same time."""
    kinds = (*MISBEHAVIOURS, misbehaving.GarbageText, misbehaving.GoesDeaf)
    changes = {"run_seconds": 1.5, "users": 4, "duration": 3.0}
    return all_judged({kind: (kind(SECRET).serving, changes) for kind in kinds})


@pytest.mark.parametrize("kind", MISBEHAVIOURS, ids=lambda kind: kind.__name__)
def test_a_misbehaving_server_fails_with_the_reason(kind, verdicts):
    name, words = MISBEHAVIOURS[kind]
    verdict = verdicts[kind]
    assert verdict.verdict == "fail", verdict
    assert name in failed(verdict), verdict.checks
    text = " ".join(violation.message for violation in check(verdict, name).violations)
    assert re.search(words, text), text
    assert "isolation" not in failed(verdict)
    assert check(verdict, "isolation").opportunities > 0, "it went on where it could"


def test_messages_that_are_no_json_make_the_verdict_unknown(verdicts):
    found = check(verdicts[misbehaving.GarbageText], "protocol")
    assert found.verdict == "unknown"
    assert "could not be read" in found.reason and "internal error at 0x7f" in found.reason


def test_a_server_that_goes_deaf_fails(verdicts):
    verdict = verdicts[misbehaving.GoesDeaf]
    assert verdict.verdict == "fail"
    assert "golden_path" in failed(verdict), verdict.checks
    assert "healthy afterwards" in check(verdict, "golden_path").violations[0].message


REFUSALS = {
    401: "401 Unauthorized instead of a WebSocket; does --auth say how its users log in?",
    403: "403 Forbidden instead of a WebSocket; does --auth",
    429: "429 Too Many Requests",
    503: "503 Service Unavailable",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_server_that_admits_nobody_is_unreachable(status):
    with (
        serving(lambda: misbehaving.Refuses(SECRET, status).serving()) as url,
        pytest.raises(Unreachable, match=r"^'crosstalk-user-0001' could not connect") as refused,
    ):
        judged(url)
    assert REFUSALS[status] in str(refused.value)


def test_a_load_balancer_that_answers_a_page_is_unreachable():
    with (
        serving(lambda: misbehaving.Refuses(SECRET, 200, "<html>welcome</html>").serving()) as url,
        pytest.raises(Unreachable, match="200 OK, with an HTML page, instead of a WebSocket"),
    ):
        judged(url)


SAYINGS = {
    b"": "went away in the middle of the opening handshake",
    b"SSH-2.0-OpenSSH_9.2\r\n": "is no HTTP",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n": "handshake failed",
    b"\x00" * 9_000: "is no HTTP",
}


@pytest.mark.parametrize("answer", SAYINGS, ids=["nothing", "ssh", "no key", "zeros"])
def test_what_is_no_websocket_server_is_unreachable(answer):
    with serving(lambda: misbehaving.saying(answer)) as url, pytest.raises(Unreachable, match=SAYINGS[answer]):
        judged(url)


def test_a_handshake_that_never_ends_is_unreachable():
    with (
        serving(lambda: misbehaving.saying(b"", wait=20)) as url,
        pytest.raises(Unreachable, match=r"no connection within 0.5 s"),
    ):
        judged(url, open_seconds=0.5)


def test_nobody_listening_is_unreachable():
    with serving(lambda: Chat(SECRET).serving()) as url:
        pass
    with pytest.raises(Unreachable, match="nobody listens there"):
        judged(url)


def test_a_name_without_an_address_is_unreachable():
    with pytest.raises(Unreachable, match=r"the name 'nowhere.invalid' has no address"):
        judged("ws://nowhere.invalid/ws", allow_hosts=("nowhere.invalid",))


def test_tls_that_is_not_spoken_is_unreachable():
    with serving(lambda: Chat(SECRET).serving()) as url, pytest.raises(Unreachable, match="TLS"):
        judged(url.replace("ws:", "wss:"), open_seconds=3.0)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl, which makes the certificate, is not installed")
def test_a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_named(tmp_path):
    certificate, key = misbehaving.self_signed(tmp_path)
    with serving(lambda: misbehaving.encrypted(Chat(SECRET), certificate, key)) as url:
        with pytest.raises(Unreachable, match=r"the certificate was not accepted: self.signed"):
            judged(url)
        verdict = judged(url, ca_file=str(certificate), users=3, duration=2.0)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]


def test_what_did_not_come_while_the_client_stood_still_accuses_nobody():
    """The server is in the same thread here, and holds up its client with itself."""
    kind = planted.StandsStill
    changes = {"users": 3, "duration": 3.0, "run_seconds": 2.0}
    verdict = all_judged({kind: (lambda: kind(SECRET, 0.1).serving(), changes)})[kind]
    assert not failed(verdict), [violation.message for c in verdict.checks for violation in c.violations]
    assert check(verdict, "golden_path").verdict == "unknown" and check(verdict, "isolation").opportunities > 0
    assert any("this client itself stood still, for up to 2." in note for note in verdict.notes), verdict.notes
