"""The wheel carries the suites: unpacked somewhere else, it works without this checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_suites_run_from_a_wheel(tmp_path):
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = archive.namelist()
    assert "crosstalk/suites/test_isolation.py" in names
    assert not [name for name in names if name.startswith(("harness", "suites"))]
    empty = tmp_path / "project"
    empty.mkdir()
    command = "--pyargs crosstalk.suites -k isolation -p no:asyncio --crosstalk-budget 2 -q -rN"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command.split()],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads((empty / "reports" / "verdict.json").read_text())
    assert verdict["verdict"] == "pass"
    assert (empty / "reports" / "index.html").read_text().startswith("<!doctype html>")
    where = subprocess.run(
        [sys.executable, "-c", "import crosstalk; print(crosstalk.__file__)"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=empty,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) in where.stdout
