"""The plugin, through pytest itself: how a target is named, what is printed, what is left behind."""

import json

import pytest

LEAKY = """
class Hub:
    def __init__(self):
        self.connections = {}
    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)
    async def disconnect(self, user_id, websocket):
        self.connections[user_id].remove(websocket)
    async def broadcast_to_user(self, user_id, event):
        everybody = [w for sockets in self.connections.values() for w in sockets]
        for websocket in list(self.connections.get(user_id) or everybody):
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
"""
ONE_TEST = "def test_it(crosstalk): crosstalk.explore(checks=('isolation',), schedules=60)"
SPEC_OF_REFERENCE = "crosstalk.reference.hub:Hub"


@pytest.fixture
def project(pytester, monkeypatch):
    """A user's project with a leaky broadcaster; it also has folders named as ours are."""
    monkeypatch.delenv("CROSSTALK_BROADCASTER", raising=False)
    pytester.makepyfile(ws=LEAKY, test_one=ONE_TEST)
    for folder in ("harness", "suites"):
        pytester.mkdir(folder)
        (pytester.path / folder / "__init__.py").write_text("raise RuntimeError('not yours')")
    pytester.syspathinsert()
    return pytester


def run(project, *arguments):
    return project.runpytest_subprocess("-p", "no:asyncio", "--strict-markers", "-W", "error", *arguments)


def targets(project):
    return json.loads((project.path / "reports" / "verdict.json").read_text())["target"]


def test_a_leak_fails_the_suites_with_picture_and_replay(project):
    result = run(project, "--pyargs", "crosstalk.suites", "-k", "isolation", "--broadcaster", "ws.py:Hub")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "crosstalk: ws.py:Hub, 20 s of exploration, seed 0",
            "isolation: * was sent an event that belongs to *",
            ">>*",
            "replay: crosstalk replay ct1-*",
            "fail    isolation*",
            "verdict: fail for ws.py:Hub",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    verdict = json.loads((project.path / "reports" / "verdict.json").read_text())
    assert verdict["verdict"] == "fail"
    leaks = next(check for check in verdict["checks"] if check["name"] == "isolation")["violations"]
    assert len(leaks) == len({leak["cause"] for leak in leaks})


@pytest.mark.parametrize("way", ["option", "environment", "ini", "hook", "fixture"])
def test_each_way_of_naming_the_broadcaster(project, monkeypatch, way):
    arguments = []
    if way == "option":
        arguments = ["--broadcaster", "ws.py:Hub"]
    elif way == "environment":
        monkeypatch.setenv("CROSSTALK_BROADCASTER", "ws.py:Hub")
    elif way == "ini":
        project.makeini("[pytest]\ncrosstalk_broadcaster = ws.py:Hub")
    elif way == "hook":
        project.makeconftest("def pytest_crosstalk_broadcaster(config): return 'ws.py:Hub'")
    else:
        project.makeconftest("import pytest, ws\n@pytest.fixture(scope='session')\ndef broadcaster(): return ws.Hub()")
    result = run(project, "test_one.py", *arguments)
    result.assert_outcomes(failed=1)
    assert targets(project) in ("ws.py:Hub", "ws:Hub")


def test_options_win_over_environment_and_that_over_ini(project, monkeypatch):
    project.makeini("[pytest]\ncrosstalk_broadcaster = nowhere:Ini\ncrosstalk_seed = 5")
    monkeypatch.setenv("CROSSTALK_BROADCASTER", SPEC_OF_REFERENCE)
    run(project, "test_one.py").assert_outcomes(passed=1)
    verdict = json.loads((project.path / "reports" / "verdict.json").read_text())
    assert (verdict["target"], verdict["seed"]) == (SPEC_OF_REFERENCE, 5)
    run(project, "test_one.py", "--broadcaster", "ws.py:Hub", "--crosstalk-seed", "6").assert_outcomes(failed=1)
    verdict = json.loads((project.path / "reports" / "verdict.json").read_text())
    assert (verdict["target"], verdict["seed"]) == ("ws.py:Hub", 6)


def test_with_no_target_the_embedded_broadcaster_is_judged(project):
    run(project, "test_one.py").assert_outcomes(passed=1)
    assert targets(project) == SPEC_OF_REFERENCE


def test_workers_evidence_is_merged_by_the_controller(project):
    project.makepyfile(
        test_one="import pytest\n"
        "@pytest.mark.parametrize('shard', range(4))\n"
        "def test_it(crosstalk, shard): crosstalk.explore(checks=('isolation',), schedules=50, shard=shard)"
    )
    result = run(project, "test_one.py", "-n", "2")
    result.assert_outcomes(passed=4)
    verdict = json.loads((project.path / "reports" / "verdict.json").read_text())
    assert verdict["explored"]["schedules"] == 200
    assert [check["name"] for check in verdict["checks"]] == ["isolation"]
    assert result.stdout.str().count("verdict: pass") == 1


def test_a_target_that_cannot_be_loaded_is_said_in_one_sentence(project):
    result = run(project, "test_one.py", "--broadcaster", "nowhere:Hub")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*crosstalk: nowhere could not be imported*"])
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--crosstalk-budget", "soon"), "--crosstalk-budget is 'soon': give a number of seconds"),
        (("--crosstalk-budget", "-1"), "give more than 0 seconds"),
        (("--crosstalk-seed", "x"), "give a whole number"),
    ],
)
def test_a_wrong_value_is_a_usage_error(project, arguments, words):
    result = run(project, "test_one.py", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{words}*"])


def test_a_wrong_guarantee_is_said_in_one_sentence(project):
    result = run(project, "test_one.py", "--crosstalk-guarantee", "magic=yes")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'magic=yes' is no guarantee: give NAME=VALUE with one of replay*"])


def test_options_have_a_group_and_markers_are_registered(project):
    result = run(project, "--help")
    result.stdout.fnmatch_lines(["crosstalk: judge a WebSocket broadcaster:", "*--broadcaster=TEXT*"])
    for name in (
        "broadcaster",
        "budget",
        "seed",
        "reports",
        "connect",
        "disconnect",
        "publish",
        "strict",
        "guarantee",
        "grammar",
    ):
        assert f"crosstalk_{name} " in result.stdout.str()
    run(project, "--markers").stdout.fnmatch_lines(["@pytest.mark.crosstalk: *"])


def test_a_project_that_does_not_use_it_sees_nothing_of_it(pytester, monkeypatch):
    monkeypatch.delenv("CROSSTALK_BROADCASTER", raising=False)
    pytester.makepyfile("import sys\ndef test_light(): assert 'crosstalk.examination' not in sys.modules")
    result = run(pytester)
    result.assert_outcomes(passed=1)
    assert "crosstalk:" not in result.stdout.str()
    assert not (pytester.path / "reports").exists()


def test_names_of_other_methods_can_be_given(project):
    renamed = LEAKY.replace("def connect", "def come").replace("def disconnect", "def go")
    (project.path / "ws.py").write_text(renamed.replace("def broadcast_to_user", "def tell"))
    names = ("--crosstalk-connect=come", "--crosstalk-disconnect=go", "--crosstalk-publish=tell")
    result = run(project, "test_one.py", "--broadcaster", "ws.py:Hub", *names)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["isolation: *"])


def test_allure_gets_the_minimal_counterexample(project):
    result = run(project, "test_one.py", "--broadcaster", "ws.py:Hub", "--alluredir", "allure")
    result.assert_outcomes(failed=1)
    attachments = {
        attachment["name"]: (project.path / "allure" / attachment["source"]).read_text()
        for path in (project.path / "allure").glob("*-result.json")
        for attachment in json.loads(path.read_text())["attachments"]
    }
    assert "OF " in attachments["isolation: timeline of the minimal counterexample"]
    assert attachments["isolation: replay"].startswith("crosstalk replay ct1-")
    assert "Connect(" in attachments["isolation: program and tape"]
