"""Counterexamples are saved, replayed first, dropped when they pass, or kept as regression tests."""

import contextlib
import json
import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from verdicts import ZOO

from crosstalk.cli import cli
from crosstalk.reporting.failures import load


def crosstalk(folder, *arguments):
    with contextlib.chdir(folder):
        done = CliRunner().invoke(cli, arguments)
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def check(tmp_path, *arguments):
    return crosstalk(tmp_path, "check", "hub.py:create", "-q", *arguments)


def verdict(tmp_path):
    return json.loads((tmp_path / "reports" / "verdict.json").read_text())


def broken(tmp_path, member="everybody_when_absent"):
    shutil.copy(ZOO / f"{member}.py", tmp_path / "hub.py")


def mended(tmp_path):
    (tmp_path / "hub.py").write_text("from crosstalk.reference.hub import Hub\n\n\ndef create():\n    return Hub()\n")


def names(folder):
    return sorted(path.name.partition("-")[0] for path in folder.glob("*.txt"))


def test_a_defect_is_saved_and_found_at_once_in_the_next_run(tmp_path):
    broken(tmp_path)
    assert check(tmp_path, "--budget", "0.6").returncode == 1
    saved = tmp_path / "reports" / "failures"
    assert "isolation" in names(saved)
    text = next(saved.glob("isolation-*.txt")).read_text()
    assert "# target: hub.py:create" in text and "# rule: No user is ever sent" in text
    # another seed and next to no time: known all the same, and no file twice
    files, count = {path.name for path in saved.glob("*")}, len(names(saved))
    again = check(tmp_path, "--budget", "0.1", "--seed", "99")
    assert again.returncode == 1
    assert f"{count} saved counterexample" in again.stdout and f"{count} still fail" in again.stdout
    assert files <= {path.name for path in saved.glob("*")}
    defects = {(c["name"], v["cause"]) for c in verdict(tmp_path)["checks"] for v in c["violations"]}
    assert len(names(saved)) == len(defects)


def test_it_is_replayed_by_its_file(tmp_path):
    broken(tmp_path)
    check(tmp_path, "--budget", "0.6")
    path = next((tmp_path / "reports" / "failures").glob("isolation-*.txt"))
    done = crosstalk(tmp_path, "replay", str(path))
    assert done.returncode == 1 and ">> isolation" in done.stdout


@pytest.mark.parametrize("kept", [False, True], ids=["dropped from the reports", "kept in the repository"])
def test_what_passes_is_dropped_or_kept(tmp_path, kept):
    folder = tmp_path / "regressions" if kept else tmp_path / "reports" / "failures"
    options = ("--failures", str(folder)) if kept else ()
    broken(tmp_path)
    check(tmp_path, "--budget", "0.6", *options)
    assert "isolation" in names(folder)
    mended(tmp_path)
    done = check(tmp_path, "--budget", "0.6", *options)
    leaks = next(c for c in verdict(tmp_path)["checks"] if c["name"] == "isolation")
    assert leaks["violations"] == []
    assert "replayed first: " in done.stdout
    assert ("isolation" in names(folder)) is kept


def test_those_of_another_target_are_left_alone(tmp_path):
    broken(tmp_path)
    check(tmp_path, "--budget", "0.6")
    saved = tmp_path / "reports" / "failures"
    before = names(saved)
    done = crosstalk(tmp_path, "check", "--budget", "0.5", "-q")  # the embedded broadcaster
    assert names(saved) == before and "replayed first" not in done.stdout


def test_what_is_no_counterexample_is_said_and_stops_nothing(tmp_path):
    folder = tmp_path / "failures"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    (folder / "b.txt").write_text("# only words\n")
    (folder / "c.txt").write_bytes(b"\xff\xfe\x00ct1-")
    (folder / "d.txt").write_text("ct7-abc")
    (folder / "big.txt").write_text("x" * 2_000_000)
    found, doubts = load(folder)
    assert found == {} and len(doubts) == 5
    assert any("d.txt is not replayed: this token was made by another version" in doubt for doubt in doubts)
    mended(tmp_path)
    done = check(tmp_path, "--budget", "0.5", "--failures", str(folder))
    assert "verdict: " in done.stdout and done.stderr.count("is not replayed") == 5
    assert load(tmp_path / "nowhere") == ({}, [])


def test_pytest_saves_replays_and_keeps_them_too(pytester, monkeypatch):
    monkeypatch.delenv("CROSSTALK_BROADCASTER", raising=False)
    shutil.copy(ZOO / "lower_cased_ids.py", pytester.path / "hub.py")
    pytester.makepyfile(
        test_one="def test_it(crosstalk): crosstalk.explore(checks=('isolation',), schedules=300)",
        test_two="def test_it(crosstalk): crosstalk.explore(checks=('isolation',), schedules=1)",
    )

    def run(*arguments):
        return pytester.runpytest_subprocess(
            "-p", "no:asyncio", "-W", "error", "--broadcaster=hub.py:create", *arguments
        )

    run("test_one.py", "--crosstalk-failures=kept").assert_outcomes(failed=1)
    assert names(pytester.path / "kept") == ["isolation"]
    run("test_two.py", "--crosstalk-failures=kept").assert_outcomes(failed=1)  # one schedule alone finds nothing:
    run("test_two.py").assert_outcomes(passed=1)
