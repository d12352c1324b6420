"""What Allure is given, read as it lies in the folder of results; and Allure 3's own page of it, where Node has it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from verdicts import ZOO, made

from crosstalk.cli import cli
from crosstalk.model.scene import Place
from crosstalk.reporting import allure_page
from crosstalk.reporting.allure import categories, executor, files, source_link
from crosstalk.reporting.rules import RULES

TESTS = """
import pytest

@pytest.mark.parametrize("shard", range(2))
def test_leaks(crosstalk, shard): crosstalk.explore(checks=("isolation",), schedules=60, shard=shard)

def test_order(crosstalk): crosstalk.explore(checks=("order",), schedules=20)

class Illegible:
    def __init__(self): self.sockets = {}
    async def connect(self, user_id, websocket): self.sockets[websocket] = user_id
    async def disconnect(self, user_id, websocket): self.sockets.pop(websocket, None)
    async def broadcast_to_user(self, user_id, event):
        for websocket, user in list(self.sockets.items()):
            if user == user_id:
                try: await websocket.send_bytes(b"\\xff\\xfe")
                except (RuntimeError, ConnectionError): pass

class TestWhatCannotBeRead:
    @pytest.fixture
    def broadcaster(self): return Illegible

    def test_blind(self, crosstalk): crosstalk.explore(checks=("isolation",), schedules=1)
"""


GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://g",
    "GITHUB_REPOSITORY": "a/b",
    "GITHUB_RUN_ID": "7",
    "GITHUB_SHA": "c0ffee",
}
GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_URL": "https://l/a/b", "CI_COMMIT_SHA": "c0ffee"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a run of a leaky broadcaster under xdist, twice: (first, second with another seed)."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ZOO / "everybody_when_absent.py", folder / "hub.py")
    (folder / "test_it.py").write_text(TESTS)
    line = ["pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", "--broadcaster=hub.py:create", "test_it.py"]
    for name, options, ci in (("first", ["-n", "2"], {}), ("second", ["--crosstalk-seed=5"], GITHUB)):
        command = [sys.executable, "-m", *line, f"--alluredir={name}", *options]
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GIT", "CI_", "JENKINS", "BUILD_"))},
            **ci,
        }
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        assert "3 failed, 1 passed" in done.stdout, done.stdout
    return folder


def read(folder: Path):
    found = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    return {f"{r['name']}": r for r in found}, found


def flat(steps):
    for step in steps:
        yield step
        yield from flat(step.get("steps", []))


def test_each_test_is_there_once_under_xdist(results):
    by_name, found = read(results / "first")
    assert len(by_name) == len(found) == 4
    for name in ("environment.properties", "executor.json", "categories.json"):
        assert len(list((results / "first").glob(f"*{name}"))) == 1


def test_labels_come_from_check_and_suite(results):
    by_name, _ = read(results / "first")
    labels = {(label["name"], label["value"]) for label in by_name["test_leaks[0]"]["labels"]}
    assert {
        ("epic", "Crosstalk"),
        ("feature", "hub.py:create"),
        ("story", RULES["isolation"]),
        ("severity", "blocker"),
        ("tag", "isolation"),
    } <= labels
    passed = {(label["name"], label["value"]) for label in by_name["test_order"]["labels"]}
    assert by_name["test_order"]["status"] == "passed" and ("severity", "critical") in passed


def test_the_history_id_is_the_same_in_every_run(results):
    first, second = (read(results / name)[0] for name in ("first", "second"))
    assert {n: r["historyId"] for n, r in first.items()} == {n: r["historyId"] for n, r in second.items()}
    assert len({r["historyId"] for r in first.values()}) == 4
    seeds = {p["value"] for r in second.values() for p in r["parameters"] if p["name"] == "seed"}
    assert seeds == {"5"}


def test_steps_are_those_of_the_minimal_run_and_the_wrong_one_failed(results):
    leak = read(results / "first")[0]["test_leaks[0]"]
    assert leak["status"] == "failed"
    steps = list(flat(leak["steps"]))
    assert 5 < len(steps) < 40
    failed = [step["name"] for step in steps if step["status"] == "failed"]
    assert [name for name in failed if name.startswith("HERE: ")] == failed[1:]
    assert re.match(r"isolation: '\w+' was sent an event that belongs to '\w+'", failed[0])
    passed = [step["name"].rstrip(".") for step in steps if step["status"] == "passed"]
    assert not any(name in failed[0] for name in passed), "what is wrong is no step that passed"
    assert read(results / "first")[0]["test_order"].get("steps", []) == []


def test_attachments_open_as_what_they_are(results):
    leak = read(results / "first")[0]["test_leaks[0]"]
    contents = {a["name"]: (a["type"], (results / "first" / a["source"]).read_text()) for a in leak["attachments"]}
    kind, picture = contents["isolation: picture"]
    assert kind == "image/svg+xml" and picture.startswith("<svg ") and "<script" not in picture
    assert json.loads(contents["verdict.json"][1])["verdict"] == "fail"
    assert json.loads(contents["isolation: history"][1])["culprit"]["kind"] == "arrival"
    assert contents["isolation: replay"][1].startswith("crosstalk replay ct1-")
    assert "tape: (" in contents["isolation: program and tape"][1]


def test_every_failure_falls_into_one_category_by_its_message(results):
    by_name, _ = read(results / "first")

    def category(result):
        message = result["statusDetails"]["message"]
        return [c["name"] for c in categories() if re.fullmatch(c["messageRegex"], message)]

    assert category(by_name["test_leaks[0]"]) == ["crosstalk: leak"]
    assert category(by_name["test_blind"]) == ["crosstalk: unknown"]
    assert json.loads((results / "first" / "categories.json").read_text()) == categories()
    known = "|".join(c["messageRegex"] for c in categories())
    assert all(check in known for check in RULES)


def test_the_environment_is_said(results, tmp_path):
    text = (results / "first" / "environment.properties").read_text()
    assert "target=hub.py:create, test_it:Illegible\n" in text and "verdict=fail\n" in text
    files(tmp_path, made(1, target="a\nb=c"), {})
    lines = (tmp_path / "environment.properties").read_text().splitlines()
    assert lines[0] == "target=a\\\\nb=c" and len(lines) == 6


@pytest.mark.parametrize(
    ("environment", "name", "url"),
    [
        (GITHUB, "GitHub Actions", "https://g/a/b/actions/runs/7"),
        ({"GITLAB_CI": "true", "CI_PIPELINE_URL": "https://l/7", "CI_PIPELINE_IID": "7"}, "GitLab", "https://l/7"),
        ({"JENKINS_URL": "https://j", "BUILD_URL": "https://j/7", "BUILD_NUMBER": "7"}, "Jenkins", "https://j/7"),
    ],
)
def test_the_executor_is_told_from_its_environment(environment, name, url):
    told = executor(environment)
    assert (told["name"], told["buildUrl"], told["buildOrder"]) == (name, url, 7)
    assert executor({}) == {"name": "this machine", "type": "local"}


def test_links_lead_to_the_run_and_to_the_line(results):
    by_name, _ = read(results / "second")
    leaky = {link["name"]: link["url"] for link in by_name["test_leaks[0]"]["links"]}
    assert leaky["the run in CI"] == "https://g/a/b/actions/runs/7"
    assert leaky["hub.py:24 in Hub.broadcast_to_user"] == "https://g/a/b/blob/c0ffee/hub.py#L24"
    assert [link["name"] for link in by_name["test_order"]["links"]] == ["the run in CI"]
    assert all("links" not in result for result in read(results / "first")[1])  # on somebody's own machine


@pytest.mark.parametrize(
    ("place", "environment", "link"),
    [
        (Place("a b/ü.py", 3, "f"), GITHUB, "https://g/a/b/blob/c0ffee/a%20b/%C3%BC.py#L3"),
        (Place("ws.py", 3, "f"), GITLAB, "https://l/a/b/-/blob/c0ffee/ws.py#L3"),
        (Place("ws.py", 3, "f"), {}, ""),
        (Place("/etc/passwd", 3, "f"), GITHUB, ""),
        (Place(".../hub.py", 3, "f"), GITLAB, ""),
        (None, GITHUB, ""),
    ],
)
def test_a_line_is_linked_where_it_is_the_projects(place, environment, link):
    assert source_link(place, environment) == link


# -- Allure 3's page -----------------------------------------------------------------------------------------------

PAGE = (
    "<html><head><title>x</title></head><body><script>start()</script>"
    '<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>\n'
    "<script>window.dataLayer=[];function gtag(){dataLayer.push(arguments)} gtag('js', 1)</script>"
    "<script>end()</script></body>"
)


def test_analytics_is_taken_out_and_requests_are_refused():
    quiet = allure_page.silenced(PAGE)
    assert "googletagmanager" not in quiet and "gtag" not in quiet
    assert "<script>start()</script>" in quiet and "<script>end()</script>" in quiet
    assert quiet.index("Content-Security-Policy") < quiet.index("<title>")
    assert "default-src 'none'" in quiet and "https" not in quiet
    with pytest.raises(allure_page.NoAllure):
        allure_page.silenced("<p>no head</p>")


def test_what_is_missing_is_said_in_one_sentence(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["report", "allure", "nothing"])
    assert done.exit_code == 2 and "nothing holds no results of allure" in done.stderr
    for number, damaged in enumerate(('{"uuid": "1", "sta', "[]", "{}", "[" * 100_000)):
        folder = tmp_path / f"damaged{number}"
        shutil.copytree(results / "first", folder)
        (folder / "x-result.json").write_text(damaged)
        done = CliRunner().invoke(cli, ["report", "allure", str(folder)])
        assert done.exit_code == 2 and f"{folder / 'x-result.json'} is no result of allure, or damaged" in done.stderr
    monkeypatch.setenv("PATH", "")
    done = CliRunner().invoke(cli, ["report", "allure", str(results / "first")])
    assert done.exit_code == 2 and "npm install allure" in done.stderr
    old = tmp_path / "allure"
    old.write_text("#!/bin/sh\necho 2.13.9\n")
    old.chmod(0o755)
    with pytest.raises(allure_page.NoAllure, match=r"version '2.13.9', and 3 is needed"):
        allure_page.render(results / "first", tmp_path / "out", str(old))


@pytest.mark.skipif(allure_page.tool() is None, reason="allure 3 is not installed: npm install allure")
def test_allure_3_shows_our_category_and_says_nothing_to_anybody(results, tmp_path):
    done = CliRunner().invoke(cli, ["report", "allure", str(results / "first"), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out" / "index.html").read_text()
    assert "googletagmanager" not in text
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed")
    from test_page_in_browser import FLAGS

    options = selenium.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path / 'chromium'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(shutil.which("chromedriver")))
    try:
        browser.get((tmp_path / "out" / "index.html").as_uri())
        browser.implicitly_wait(15)
        browser.find_element("xpath", "//*[contains(text(),'test_leaks[0]')]").click()
        browser.find_element("xpath", "//*[contains(text(),'isolation: picture')]")
        assert "crosstalk: leak" in browser.find_element("tag name", "body").text
        assert browser.get_log("browser") == []
    finally:
        browser.quit()
