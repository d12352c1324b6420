"""Bundles of evidence: what they claim and what not, OSCAL that is valid, and that no byte changes unnoticed."""

import base64
import contextlib
import hashlib
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from verdicts import made

from crosstalk.checks import CHECKS
from crosstalk.cli import cli
from crosstalk.model.live_figures import LiveFigures
from crosstalk.model.verdict import CheckVerdict
from crosstalk.reporting import journal
from crosstalk.reporting.evidence import BadEvidence, bundle, verify
from crosstalk.reporting.frameworks import FRAMEWORKS, HIPAA

MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
replaced = msgspec.structs.replace


def verdict(**outcomes):
    """A verdict in which every check passed but those given: an outcome, or None for a check that was not run."""
    checks = {name: "pass" for name in CHECKS} | outcomes
    return replaced(
        made(0),
        verdict="pass",
        checks=tuple(
            CheckVerdict(
                name, outcome, 0 if outcome == "unknown" else 1_000, (), "blind" if outcome == "unknown" else ""
            )
            for name, outcome in checks.items()
            if outcome
        ),
    )


def written(folder, *verdicts, framework=HIPAA, **options):
    given = [(msgspec.json.encode(v), v) for v in verdicts or (verdict(),)]
    return bundle(framework, given, folder, made=MOMENT, **options)


def states(folder):
    rows = re.findall(
        r"^\| (\S+) [^|]* \| ([^|:]*?)(?::[^|]*)? \| ([^|]*) \|", (folder / "evidence.md").read_text(), re.M
    )
    return {control: state for control, state, _ in rows if control not in ("control", "---", "verdict")}


def test_a_control_is_supported_only_by_all_of_its_checks(tmp_path):
    for number, (outcomes, state) in enumerate(
        [
            ({}, "supported in part"),
            ({"ghost": "fail"}, "contradicted"),
            ({"ghost": "unknown"}, "not shown"),
            ({"ownership": None}, "not shown"),
            ({"isolation": "fail", "ghost": "unknown"}, "contradicted"),
            ({"crash": "fail"}, "supported in part"),  # it bears on another control
            ({"authentication": "fail"}, "supported in part"),
        ]
    ):
        written(tmp_path / str(number), verdict(**outcomes))
        assert states(tmp_path / str(number))["164.312(a)(1)"] == state, outcomes


def test_one_failing_verdict_of_several_contradicts(tmp_path):
    written(tmp_path / "e", verdict(), verdict(isolation="fail"))
    assert states(tmp_path / "e")["164.312(a)(1)"] == "contradicted"
    assert {"verdict-1.json", "verdict-2.json"} <= {path.name for path in (tmp_path / "e").iterdir()}


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=list(FRAMEWORKS))
def test_what_cannot_be_spoken_to_is_said(tmp_path, framework):
    written(tmp_path / "e", framework=framework, build="abc123")
    for name in ("evidence.md", "evidence.html"):
        text = (tmp_path / "e" / name).read_text()
        for control, _ in framework.silent:
            assert control in text
        assert "not an observation of production" in text and "abc123" in text and "2026-05-04T03:02:01+00:00" in text
        assert "below 3.0e-03 per opportunity at 95 %" in text
    # authentication was not examined, and so is not claimed
    assert all(state == "not shown" for c, state in states(tmp_path / "e").items() if c in ("164.312(d)", "CC6.6"))


def test_audit_controls_are_never_claimed_since_the_journal_is_of_the_test_and_not_of_the_target(tmp_path):
    for number, given in enumerate((verdict(), verdict(isolation="fail"), made(1))):
        folder = tmp_path / str(number)
        written(folder, given)
        assert states(folder)["164.312(b)"] == "not shown"
        for name in ("evidence.md", "evidence.html"):
            text = (folder / name).read_text()
            assert "whether the target has them was not examined" in text
            assert "https://www.ecfr.gov/current/title-45/section-164.312" in text
        (result,) = json.loads((folder / "assessment-results.json").read_text())["assessment-results"]["results"]
        (finding,) = (one for one in result["findings"] if one["title"].startswith("164.312(b)"))
        assert finding["target"]["status"]["state"] == "not-satisfied"
        assert finding["target"]["status"]["remarks"] == "It cannot be told from this evidence."
        # what the words say of the journal is so: who was sent whose event, in the runs that are shown
        sent = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
        told = [(entry["to"], entry["owners"]) for entry in sent if entry["kind"] == "sent"]
        assert told == ([("bob", ["alice"])] if number == 2 else [])


def lived(folder, deliveries=((2.0, 0, 0), (2.5, 1, 0)), says=2):
    """A folder of a live run: its journal and a verdict that `says` how many deliveries there were."""
    folder.mkdir()
    lines = [
        ("crosstalk-live", 1, "t"),
        ("round", 0, ("alice", "bob"), "a b"),
        ("connecting", 0, 0, 0.5),
        ("connecting", 1, 1, 0.5),
        ("type", "a"),
        *(("d", time, episode, -1, owner, -1, 4, 1, 0) for time, episode, owner in deliveries),
    ]
    (folder / "live.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    live = replaced(verdict(), live=LiveFigures(2, 1, 2, 0, says))
    (folder / "verdict.json").write_bytes(msgspec.json.encode(live))
    return folder


def trail(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_of_a_live_run_the_journal_holds_who_received_whose_event_also_where_it_passes(tmp_path, monkeypatch):
    folder = lived(tmp_path / "reports")
    line = ["evidence", "--framework", "hipaa", "--verdict", str(folder), "-o"]
    done = CliRunner().invoke(cli, [*line, str(tmp_path / "e")])
    assert done.exit_code == 0, done.output
    told = [(one["by"], one["device"], one["owners"], one["told by"], one["type"]) for one in trail(tmp_path / "e")
            if one["kind"] == "received"]  # fmt: skip
    assert told == [("alice", 0, ["alice"], "canary", "a"), ("bob", 1, ["alice"], "canary", "a")]
    digest = hashlib.sha256((folder / "live.jsonl").read_bytes()).hexdigest()
    assert any(one.get("sha256") == digest for one in trail(tmp_path / "e") if one["kind"] == "live journal")
    assert verify(tmp_path / "e")[0].journal_lines == len(trail(tmp_path / "e"))
    monkeypatch.setattr("crosstalk.reporting.journal.MOST", 1)
    assert CliRunner().invoke(cli, [*line, str(tmp_path / "f")]).exit_code == 0
    assert [one["kind"] for one in trail(tmp_path / "f")][-2:] == ["received", "left out"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"says": 3}, "is the journal of another run than its verdict: 2 deliveries"),
        ({"deliveries": ((2.0, 9, 0),), "says": 1}, "is damaged: its records do not fit together"),
        ({"deliveries": ((2.0, 0, 9),), "says": 1}, "is damaged: its records do not fit together"),
    ],
)
def test_a_live_journal_that_does_not_fit_makes_no_evidence(tmp_path, given, words):
    folder = lived(tmp_path / "reports", **given)
    line = ["evidence", "--framework", "soc2", "--verdict", str(folder), "-o", str(tmp_path / "e")]
    done = CliRunner().invoke(cli, line)
    assert done.exit_code == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=list(FRAMEWORKS))
@pytest.mark.parametrize("case", ["passing", "failing", "hostile"])
def test_oscal_is_valid(tmp_path, framework, case):
    trestle = pytest.importorskip("trestle.oscal.assessment_results", reason="compliance-trestle is not installed")
    given = {"passing": verdict(), "failing": verdict(isolation="fail"), "hostile": made(2, target="<\x00\u202e>\n")}[
        case
    ]
    written(tmp_path / "e", given, framework=framework, build="\x1b")
    path = tmp_path / "e" / "assessment-results.json"
    results = trestle.AssessmentResults.oscal_read(path)
    findings = results.results[0].findings
    assert [f.target.status.state.value for f in findings].count("satisfied") == sum(
        state == "supported in part" for state in states(tmp_path / "e").values()
    )
    with pytest.raises(Exception, match="state"):
        broken = json.loads(path.read_text())
        broken["assessment-results"]["results"][0]["findings"][0]["target"]["status"]["state"] = "fine"
        trestle.AssessmentResults(**broken["assessment-results"])


def test_when_the_runs_were_is_told_from_when_the_bundle_was_made(tmp_path):
    early = datetime(2026, 5, 1, 10, 0, tzinfo=timezone(timedelta(hours=2)))
    late = datetime(2026, 5, 2, 10, 0, tzinfo=UTC)
    given = [replaced(verdict(), finished=when) for when in (early, late, None)]
    written(tmp_path / "e", *given)
    (result,) = json.loads((tmp_path / "e" / "assessment-results.json").read_text())["assessment-results"]["results"]
    seconds = given[0].explored.seconds
    assert result["start"] == (early.astimezone(UTC) - timedelta(seconds=round(seconds))).isoformat()
    assert result["end"] == MOMENT.isoformat()  # of the third it is only known that it was before
    collected = {observation["collected"] for observation in result["observations"]}
    assert collected == {"2026-05-01T08:00:00+00:00", "2026-05-02T10:00:00+00:00", MOMENT.isoformat()}
    for file in ("evidence.md", "evidence.html"):
        text = (tmp_path / "e" / file).read_text()
        assert "run ended: 2026-05-01T08:00:00+00:00" in text and "run ended: not recorded" in text


def test_the_same_evidence_gives_the_same_bundle(tmp_path):
    assert written(tmp_path / "a") == written(tmp_path / "b")
    assert written(tmp_path / "c", verdict(order="fail")) != written(tmp_path / "d")


# -- that it holds -------------------------------------------------------------------------------------------------


def test_every_changed_byte_is_found(tmp_path):
    folder = tmp_path / "e"
    manifest = written(folder, made(1))
    assert verify(folder) == (manifest, False)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 12)):
            changed = bytearray(whole)
            changed[at] ^= 1
            path.write_bytes(changed)
            if path.name == "MANIFEST.json":
                # without a signature only what the manifest says of the files is sure
                with contextlib.suppress(BadEvidence):
                    assert verify(folder)[0] != manifest
            else:
                with pytest.raises(BadEvidence, match=re.escape(path.name)):
                    verify(folder)
        path.write_bytes(whole)
    assert verify(folder) == (manifest, False)


def test_missing_added_and_reordered_are_found(tmp_path):
    folder = tmp_path / "e"
    written(folder, made(1))
    (folder / "more.txt").write_text("x")
    with pytest.raises(BadEvidence, match=r"more\.txt was added"):
        verify(folder)
    (folder / "more.txt").unlink()
    (folder / "evidence.md").rename(tmp_path / "evidence.md")
    with pytest.raises(BadEvidence, match=r"evidence\.md is missing"):
        verify(folder)
    with pytest.raises(BadEvidence, match="holds no evidence"):
        verify(tmp_path / "nowhere")


def test_the_chain_shows_what_was_cut_changed_added_or_swapped():
    text, head = journal.written([{"a": n} for n in range(5)])
    assert journal.verified(text) == (5, head)
    lines = text.splitlines(keepends=True)
    for broken in (
        b"".join(lines[:2] + lines[3:]),
        b"".join([lines[1], lines[0], *lines[2:]]),
        text.replace(b'"a":2', b'"a":7'),
        b"".join([*lines[:3], lines[2], *lines[3:]]),
        text[:-5],
        text[:-1],
        b"not json\n" + text,
    ):
        with pytest.raises(journal.Broken, match="line"):
            journal.verified(broken)
    count, shorter = journal.verified(b"".join(lines[:3]))  # a cut end is only seen by the head
    assert count == 3 and shorter != head


def test_the_journal_says_who_was_sent_what_by_canary_and_not_what_it_said(tmp_path):
    canary = "ctk_" + "ab" * 22
    written(tmp_path / "e", made(1, sample=f'{{"payload":{{"canary":"{canary}","diagnosis":"secret words"}}}}'))
    entries = [json.loads(line) for line in (tmp_path / "e" / "journal.jsonl").read_text().splitlines()]
    (sent,) = [entry for entry in entries if entry["kind"] == "sent"]
    assert (sent["to"], sent["owners"], sent["canaries"]) == ("bob", ["alice"], [canary])
    assert "secret words" not in (tmp_path / "e" / "journal.jsonl").read_text()


# -- signatures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys():
    """Two pairs of keys: private and public PEM."""
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def pair(protection):
        private = Ed25519PrivateKey.generate()
        return (
            private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, protection),
            private.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo),
        )

    return pair(s.NoEncryption()), pair(s.NoEncryption()), pair(s.BestAvailableEncryption(b"open"))


def test_a_signature_is_by_one_key_over_one_manifest(tmp_path, keys):
    (private, public), (_, other), _ = keys
    folder = tmp_path / "e"
    manifest = written(folder, key=private)
    assert verify(folder, public) == (manifest, True)
    with pytest.raises(BadEvidence, match="not by this key"):
        verify(folder, other)
    # everything made anew by somebody without the key
    forged = tmp_path / "f"
    written(forged, verdict(), build="forged")
    (forged / "MANIFEST.sig").write_bytes((folder / "MANIFEST.sig").read_bytes())
    assert verify(forged)[1] is False
    with pytest.raises(BadEvidence, match="not by this key"):
        verify(forged, public)
    (folder / "MANIFEST.sig").unlink()
    with pytest.raises(BadEvidence, match="missing or damaged"):
        verify(folder, public)


def test_keys_that_are_none(tmp_path, keys):
    _, _, (locked, public) = keys
    for key, passphrase, words in (
        (b"hello", None, "could not be read"),
        (public, None, "could not be read"),
        (locked, None, "could not be read"),
        (locked, b"wrong", "could not be read"),
    ):
        with pytest.raises(BadEvidence, match=words):
            written(tmp_path / "e", key=key, passphrase=passphrase)
    assert not (tmp_path / "e").exists()  # nothing is left of a bundle that could not be signed
    written(tmp_path / "e", key=locked, passphrase=b"open")
    assert verify(tmp_path / "e", public)[1]


def test_openssl_reads_the_signature_too(tmp_path, keys):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    (private, public), *_ = keys
    written(tmp_path / "e", key=private)
    (tmp_path / "pub.pem").write_bytes(public)
    (tmp_path / "sig").write_bytes(base64.b64decode((tmp_path / "e" / "MANIFEST.sig").read_bytes()))
    line = "openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in e/MANIFEST.json -sigfile sig"
    assert subprocess.run(line.split(), cwd=tmp_path, capture_output=True).returncode == 0


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_command_makes_and_verifies(tmp_path, keys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSTALK_KEY_PASSPHRASE", "open")
    _, _, (locked, public) = keys
    Path("key.pem").write_bytes(locked)
    Path("pub.pem").write_bytes(public)
    Path("reports").mkdir()
    Path("reports/verdict.json").write_bytes(msgspec.json.encode(made(1)))
    run = CliRunner().invoke
    done = run(cli, ["evidence", "--framework", "soc2", "--sign", "key.pem", "--build", "v1.2"])
    assert done.exit_code == 0 and "signed" in done.output, done.output
    done = run(cli, ["evidence", "verify", "evidence-soc2", "--key", "pub.pem"])
    assert done.exit_code == 0 and "its signature is good" in done.output
    text = "".join(path.read_text("utf-8", "replace") for path in Path("evidence-soc2").iterdir())
    assert "open" not in re.findall(r"passphrase\W+(\w+)", text) and "PRIVATE" not in text
    Path("evidence-soc2/evidence.md").write_text("all is well")
    done = run(cli, ["evidence", "verify", "evidence-soc2"])
    assert done.exit_code == 1 and done.stderr == "crosstalk: evidence.md was changed: the evidence does not hold\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which framework? give --framework hipaa, soc2, sec"),
        (["--framework", "sec"], "reports holds no verdict.json"),
        (["--framework", "sec", "--verdict", "bad.json"], "damaged or no JSON"),
        (["--framework", "sec", "--verdict", "good.json", "-o", "full"], "is not empty"),
        (["--framework", "sec", "--verdict", "good.json", "--sign", "absent.pem"], "absent.pem could not be used"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("{")
    Path("good.json").write_bytes(msgspec.json.encode(made(1)))
    Path("full").mkdir()
    Path("full/x").write_text("x")
    (tmp_path / "reports").mkdir()
    done = CliRunner().invoke(cli, ["evidence", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr and done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1


def test_authentication_that_was_examined_is_claimed(tmp_path):
    written(tmp_path / "e", verdict(authentication="pass"))
    assert states(tmp_path / "e")["164.312(d)"] == "supported in part"
