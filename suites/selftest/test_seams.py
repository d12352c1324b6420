"""Which room may know which: the architecture's one straight line, read from the imports themselves."""

import ast
from pathlib import Path

import pytest

import crosstalk

ROOT = Path(crosstalk.__file__).parent
JUDGING = {"checks", "controls", "examination", "live_examination", "live_tally", "schedule"}
SHELLS = {"cli", "commands", "plugin", "reporting", "suites"}
WRITTEN = ("crosstalk.reporting.timeline", "crosstalk.reporting.live_timeline", "crosstalk.reporting.sarif_log")
"""A violation's timeline is part of the verdict, so what judges writes it; the audit writes a log of its own."""


def imported(room):
    """The modules that the files of a room import when they are loaded or run; not what is there for annotations."""
    path = ROOT / room
    for file in sorted(path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        annotations = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if node in annotations:
                continue
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                yield file, node.module
                yield from ((file, f"{node.module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((file, alias.name) for alias in node.names)


def rooms_known(room):
    names = [name.split(".") for _, name in imported(room)]
    return {name[1] for name in names if name[0] == "crosstalk" and len(name) > 1} - {room}


@pytest.mark.parametrize(("room", "known"), [("model", set()), ("schedule", set()), ("checks", {"model"})])
def test_a_room_knows_no_other_than(room, known):
    assert rooms_known(room) == known


@pytest.mark.parametrize("room", ["model", "checks"])
def test_plain_data_knows_neither_the_loop_nor_pytest(room):
    known = {name.split(".")[0] for _, name in imported(room)}
    assert "crosstalk" in known
    assert not known & {"asyncio", "threading", "pytest", "hypothesis", "websockets"}


def test_reports_read_the_verdict_and_judge_nothing():
    assert not rooms_known("reporting") & (JUDGING | {"targets", "auth", "consolidation"})


def test_targets_know_nothing_of_programs_checks_and_reports():
    assert not rooms_known("targets") & {"scenarios", "checks", "controls", "reporting", "examination"}


@pytest.mark.parametrize(
    "room", sorted(p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists())
)
def test_only_shells_know_reports_and_pytest(room):
    if room not in SHELLS:
        known = {name for _, name in imported(room)}
        assert not [name for name in known if name.startswith("crosstalk.reporting.") and not name.startswith(WRITTEN)]
        assert "pytest" not in known
