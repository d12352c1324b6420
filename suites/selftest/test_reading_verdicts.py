"""Files given as verdicts: what is none, or damaged, or contradicts itself, is refused in one sentence."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from verdicts import made

from crosstalk.cli import cli
from crosstalk.reporting.reading import MOST_BYTES, NoVerdict, decoded, read_verdict


def spoiled(change):
    loose = json.loads(msgspec.json.encode(made(1)))
    change(loose)
    return json.dumps(loose).encode()


def exhibit(loose):
    return loose["checks"][0]["violations"][0]["exhibit"]


WHOLE = msgspec.json.encode(made(1))
MEASURED = {"users": 2, "rounds": 1, "connections": 2, "runs": 2, "deliveries": 9}


def live(**figures):
    return spoiled(lambda verdict: verdict.update(live={**MEASURED, **figures}))


def times(*buckets):
    return {"count": 3, "p50": 0.1, "p95": 0.2, "p99": 0.2, "max": 0.2, "buckets": buckets}


def heat(width=1, users=("a", "b"), rows=((0.1,), (None, 0.2))):
    return {"width": width, "users": users, "rows": rows}


def test_figures_of_a_live_run_are_read():
    read = decoded(live(latency=times([0.1, 2], [0.2, 1]), heat=heat()), "verdict.json")
    assert read.live.latency.buckets == ((0.1, 2), (0.2, 1)) and read.live.heat.rows[1] == (None, 0.2)
    assert decoded(live(latency={**times(), "buckets": []}), "x").live.heat is None  # as written before there were any


REFUSED = [
    (spoiled(lambda v: v.update(finished="0001-01-01T00:00:00Z")), "no time that can be"),
    (spoiled(lambda v: v.update(finished="9999-12-31T23:59:59-23:00")), "no time that can be"),
    (spoiled(lambda v: v["explored"].update(seconds=1e300)), "no time that can be"),
    (spoiled(lambda v: v.update(finished="<b>yesterday</b>")), "no verdict of crosstalk"),
    (spoiled(lambda v: v.update(finished="2026-05-04T03:02:01")), "no verdict of crosstalk"),
    (live(latency=times([0.1234, 1])), "figures of its live run do not fit"),
    (live(connecting=times([0.1, 0])), "figures of its live run do not fit"),
    (live(heat=heat(width=0)), "figures of its live run do not fit"),
    (live(heat=heat(users=("a",))), "figures of its live run do not fit"),
    (live(heat=heat(users=(), rows=())), "figures of its live run do not fit"),
    (live(heat=heat(rows=((0.1,), (None,)))), "figures of its live run do not fit"),
    (live(heat=heat(rows=((0.1,), (-1.0,)))), "figures of its live run do not fit"),
    (live(heat=heat(rows=((0.1,), (0.1,) * 10_000))), "figures of its live run do not fit"),
    (live(heat=heat(users=("a",) * 9_999, rows=((0.1,),) * 9_999)), "figures of its live run do not fit"),
    (b"", "is empty"),
    (b" \n", "is empty"),
    (WHOLE[: len(WHOLE) // 2], "damaged or no JSON"),
    (b"\xff\xfe\x00", "damaged or no JSON"),
    (b"[" * 100_000, "damaged or no JSON"),
    (b"[]", "no verdict of crosstalk"),
    (b'{"tests": 3}', "no verdict of crosstalk"),
    (b"null", "no verdict of crosstalk"),
    (spoiled(lambda v: v.update(schema=2)), "has schema 2; this crosstalk reads schema 1"),
    (spoiled(lambda v: v.pop("schema")), "has schema None"),
    (spoiled(lambda v: v.update(verdict="great")), "Invalid enum value 'great'"),
    (spoiled(lambda v: v.update(seed="x")), "seed"),
    (spoiled(lambda v: v["checks"][0].update(violations={})), "no verdict of crosstalk"),
    (spoiled(lambda v: exhibit(v)["scene"]["culprit"].update(number=99)), "contradicts itself"),
    (spoiled(lambda v: exhibit(v)["scene"]["culprit"].update(connection=-1)), "contradicts itself"),
    (spoiled(lambda v: exhibit(v)["scene"]["arrivals"][0].update(connection=7)), "contradicts itself"),
    (spoiled(lambda v: exhibit(v)["scene"]["arrivals"][0].update(owner=-5)), "contradicts itself"),
    (spoiled(lambda v: exhibit(v)["scene"]["acts"][0].update(user=2)), "contradicts itself"),
    (spoiled(lambda v: exhibit(v)["scene"].update(owners=[4])), "contradicts itself"),
    (spoiled(lambda v: exhibit(v)["passing"]["connections"][0].update(user=-1)), "contradicts itself"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_verdict_is_refused_in_one_sentence(tmp_path, text, words):
    path = tmp_path / "verdict.json"
    path.write_bytes(text)
    with pytest.raises(NoVerdict) as refused:
        read_verdict(path)
    assert words in str(refused.value) and "verdict.json" in str(refused.value)
    assert "\n" not in str(refused.value)
    for arguments in (["report", "html", str(path)], ["diff", str(path), str(path)]):
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 2, done.output
        assert done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1


COMMANDS = {
    **{kind: ["report", kind, "WHERE"] for kind in ("html", "svg", "markdown", "sarif", "badge", "allure")},
    "diff": ["diff", "whole", "WHERE"],
    "diff the other way": ["diff", "WHERE", "whole"],
    "evidence": ["evidence", "--framework", "hipaa", "--verdict", "WHERE"],
    "evidence verify": ["evidence", "verify", "WHERE"],
    "explain": ["explain", "WHERE"],
    "replay": ["replay", "WHERE"],
}
FOLDERS = {
    "without a verdict": lambda folder: folder.mkdir(),
    "with an empty one": lambda folder: (folder.mkdir(), (folder / "verdict.json").touch()),
    "with half of one": lambda folder: (folder.mkdir(), (folder / "verdict.json").write_bytes(WHOLE[:500])),
    "with another's": lambda folder: (folder.mkdir(), (folder / "verdict.json").write_text('{"tests": 3}')),
    "with a folder for it": lambda folder: (folder / "verdict.json").mkdir(parents=True),
    "that is not there": lambda folder: None,
}


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_of_no_use_is_one_sentence(tmp_path, monkeypatch, command, folder):
    monkeypatch.chdir(tmp_path)
    FOLDERS[folder](Path("reports"))
    Path("whole").mkdir()
    Path("whole", "verdict.json").write_bytes(WHOLE)
    done = CliRunner().invoke(cli, [word.replace("WHERE", "reports") for word in COMMANDS[command]])
    made_by_others = command == "evidence verify" and folder != "that is not there"
    assert done.exit_code == (1 if made_by_others else 2), done.output  # a bundle without manifest is a broken one
    assert done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1 and done.stdout == ""
    assert "Traceback" not in done.stderr and not Path("evidence-hipaa").exists()
    if folder == "without a verdict" and command not in ("allure", "evidence verify"):
        assert "reports holds no verdict.json: let crosstalk check or smoke write it there" in done.stderr


def test_a_whole_verdict_is_read_as_it_was(tmp_path):
    assert decoded(WHOLE, "here") == made(1)
    (tmp_path / "verdict.json").write_bytes(WHOLE)
    assert read_verdict(tmp_path) == made(1)


def test_fields_of_a_later_minor_version_do_no_harm():
    assert decoded(spoiled(lambda v: v.update(novel={"a": 1})), "here") == made(1)


def test_what_is_not_there_or_too_large(tmp_path):
    with pytest.raises(NoVerdict, match="could not be read: No such file"):
        read_verdict(tmp_path / "absent.json")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(NoVerdict, match="too large to be a verdict"):
        read_verdict(tmp_path / "huge.json")


@pytest.mark.parametrize("kind", ["html", "svg", "markdown", "sarif", "badge"])
def test_every_report_is_made_again_from_the_file(tmp_path, kind):
    (tmp_path / "verdict.json").write_bytes(WHOLE)
    to = tmp_path / "out" / f"report.{kind}"
    done = CliRunner().invoke(cli, ["report", kind, str(tmp_path), "-o", str(to)])
    assert (done.exit_code, done.output) == (0, "")
    printed = CliRunner().invoke(cli, ["report", kind, str(tmp_path)])
    assert printed.stdout == to.read_text() and len(printed.stdout) > 50


def test_a_picture_that_is_not_there_and_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "verdict.json").write_bytes(WHOLE)
    done = CliRunner().invoke(cli, ["report", "svg", str(tmp_path), "--number", "2"])
    assert done.exit_code == 2 and "there is no number 2" in done.stderr
    done = CliRunner().invoke(cli, ["report", "html", str(tmp_path), "-o", str(tmp_path / "verdict.json" / "x")])
    assert done.exit_code == 2 and "could not be written" in done.stderr
