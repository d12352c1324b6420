"""Users' own properties: what README shows runs as shown, and can fail."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
OWN = README[README.index("## Your own properties") :].partition("\n## ")[0]
BLOCKS = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", OWN, re.S)
LEAKY = re.search(r"```python\n(class Hub.*?)```", README, re.S)


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")  # Hypothesis then loads a profile of its own
    for name, text in BLOCKS:
        path = pytester.path / name
        path.write_text((path.read_text() if path.exists() else "") + text)
    pytester.makepyfile(ws=LEAKY.group(1))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.syspathinsert()
    return pytester


def test_readme_shows_each_in_under_ten_lines():
    assert {name for name, _ in BLOCKS} >= {"conftest.py", "test_hours.py", "test_property.py", "test_own.py"}
    for name, text in BLOCKS:
        assert len([line for line in text.splitlines() if line.strip()]) < 10, name


def test_the_examples_pass_on_a_broadcaster_that_is_right(project):
    for name in ("test_property.py", "test_own.py"):
        path = project.path / name
        path.write_text(path.read_text().replace("ws.py:Hub", "crosstalk.reference.hub:Hub"))
    (project.path / "conftest.py").write_text(dict(BLOCKS)["conftest.py"])
    result = project.runpytest_subprocess("--broadcaster", "crosstalk.reference.hub:Hub")
    result.assert_outcomes(passed=3)


def test_the_examples_catch_the_leak_of_readme(project):
    result = project.runpytest_subprocess("--broadcaster", "ws.py:Hub")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*Failing test case: test_nobody_is_sent_what_is_not_theirs(*"])
