"""The audit against labels given before it was run: a made tree and published packages. And what it must survive."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec
from pathlib import Path

import pytest

from crosstalk.consolidation.audit import formats
from crosstalk.consolidation.audit.reading import read_tree
from crosstalk.consolidation.audit.roles import audit, judged

ZOO = Path(__file__).parents[1] / "zoo"
TREE = ZOO / "audit"


def made():
    """(label, role found) of every function of the made tree."""
    tree = read_tree(TREE)
    roles = {found.id: found.role for found in judged(tree).found if found.role != "entry"}
    pairs = {}
    for module in tree.modules:
        lines = (TREE / module.path).read_text().splitlines()
        for function in module.functions:
            label = re.search(r"# (real|adapter|other)$", lines[function.line - 1])
            pairs[function.id] = (label.group(1) if label else "other", roles.get(function.id, "other"))
    return pairs


def published():
    """(label, role found) of every function of the labelled modules of packages, those installed."""
    pairs = {}
    for files in tomllib.loads((TREE / "packages.toml").read_text()).values():
        for name, labels in files.items():
            package = find_spec(name.partition("/")[0])
            if package is None:
                continue
            tree = read_tree(Path(package.submodule_search_locations[0]) / name.partition("/")[2])
            roles = {found.id: found.role for found in judged(tree).found if found.role != "entry"}
            (module,) = tree.modules
            known = {f.name: "other" for f in module.functions}
            for role, names in labels.items():
                assert set(names) <= known.keys(), (name, names)
                known.update(dict.fromkeys(names, role))
            pairs |= {f"{name}:{f}": (label, roles.get(f"{module.name}:{f}", "other")) for f, label in known.items()}
    return pairs


def precision_and_recall(pairs, role):
    right = sum(label == found == role for label, found in pairs)
    return right / sum(found == role for _, found in pairs), right / sum(label == role for label, _ in pairs)


def test_precision_and_recall_on_the_labelled_corpus(capsys):
    pairs = made() | published()
    labelled = sum(label != "other" for label, _ in pairs.values())
    with capsys.disabled():
        print(f"\n{len(pairs)} functions, {labelled} of them implementations or adapters")
        for role in ("real", "adapter"):
            precision, recall = precision_and_recall(pairs.values(), role)
            print(f"{role}: precision {precision:.3f}, recall {recall:.3f}")
    assert len(made()) >= 60
    for role in ("real", "adapter"):
        wrong = {name: pair for name, pair in pairs.items() if role in pair and pair[0] != pair[1]}
        precision, recall = precision_and_recall(pairs.values(), role)
        assert precision >= 0.9 and recall >= 0.9, wrong
    if len(pairs) < 300:
        pytest.skip("measured without the published packages that are not installed")


def test_the_zoo_of_broadcasters_is_found():
    """Each member's own publish method, however it keeps its connections; nearly nothing else."""
    from crosstalk.targets.in_process import PUBLISH

    missed, more, members = [], [], 0
    for path in sorted((*ZOO.glob("correct/*.py"), *ZOO.glob("defective/*.py"), *ZOO.glob("deep/*.py"))):
        defined = {
            node.name: f"{node.name}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        name = next(name for name in PUBLISH if name in defined)
        members += 1
        found = {f.id.rpartition(".")[2] for f in audit(path).found if f.role != "entry"}
        missed += [path.stem] if name not in found else []
        more += [(path.stem, other) for other in found - {name}]
    assert members >= 70
    assert len(missed) <= members * 0.05, missed
    assert len(more) <= members * 0.05, more


def remarks(rule):
    return {f"{r.path}: {r.text.partition(' ')[0]}" for r in audit(TREE).remarks if r.rule == rule}


def test_what_is_dangerous():
    assert remarks("made-twice") == {
        "app/ws/manager.py: app.ws.manager:manager",
        "legacy/handlers.py: legacy.handlers:shared",
    }
    assert remarks("no-user") == {
        "app/ws/manager.py: app.ws.manager:ConnectionManager.broadcast",
        "app/ws/odd.py: app.ws.odd:send_all",
        "app/ws/service.py: app.ws.service:BroadcastService.broadcast_to_all",
        "lib/sync_hub.py: lib.sync_hub:ThreadedHub.shout",
    }
    assert remarks("silent-catch-all") == {
        "app/ws/odd.py: app.ws.odd:send_all",
        "app/ws/router.py: app.ws.router:WebSocketEventRouter._send_to_connection",
        "legacy/handlers.py: legacy.handlers:finish_agent",
        "legacy/handlers.py: legacy.handlers:Handler.send_message_to_user",
    }
    assert len(remarks("second-implementation")) == 14
    (circle,) = [r for r in audit(TREE).remarks if r.rule == "circular-delegation"]
    assert "legacy.loop_a:push_to_user" in circle.text and "legacy.loop_b:relay_to_user" in circle.text


def test_who_delegates_to_whom_and_who_calls():
    result = audit(TREE)
    delegates = {found.id: found.delegates for found in result.found}
    assert delegates["lib.sync_hub:Facade.send_user_event"] == ("lib.sync_hub:Facade.notify_user",)
    assert delegates["lib.sync_hub:Facade.notify_user"] == ("lib.sync_hub:ThreadedHub.message_user",)
    assert delegates["lib.sync_hub:Logged.message_user"] == ("lib.sync_hub:ThreadedHub.message_user",)
    assert delegates["app.ws.router:WebSocketEventRouter.route_event"] == (
        "app.ws.service:BroadcastService.broadcast_to_user",
    )
    assert [found.id for found in result.of("entry")] == [
        "legacy.handlers:start_agent",
        "legacy.handlers:finish_agent",
    ]
    assert "app.ws.service:service = BroadcastService" in result.instances
    assert set(result.factories) == {
        "app.ws.emitter:create_emitter",
        "app.ws.emitter:get_emitter",
        "app.ws.service:get_service",
    }


def test_what_cannot_be_read_is_a_line_each(tmp_path):
    (tmp_path / "broken.py").write_text("def broken(:\n")
    (tmp_path / "null.py").write_bytes(b"x = 1\0")
    (tmp_path / "latin.py").write_bytes(b"# coding: nonsense\nx = 1\n")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "deep.py").write_text("x = " + "(" * 5_000 + ")" * 5_000)
    (tmp_path / "huge.py").write_text("x = 1\n" * 200_000)
    (tmp_path / "made_pb2.py").write_text("# Generated by the protocol buffer compiler.  DO NOT EDIT!\nx = 1\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "base.py").write_text(
        "class A(B): pass\nclass B(A):\n    def push(self, user, event): self.emit(user, event)"
    )
    (tmp_path / "fine.py").write_text("def emit(user, event):\n    SOCKETS[user].send(event)\n")
    result = audit(tmp_path)
    assert [found.id for found in result.of("real")] == ["fine:emit"]
    assert sorted(line.partition(":")[0] for line in result.skipped) == sorted(
        ["broken.py", "null.py", "latin.py", "bytes.py", "deep.py", "huge.py", "made_pb2.py", "gone.py"]
    )
    assert all("\n" not in line for line in result.skipped)


def test_nothing_is_imported_or_run(tmp_path):
    (tmp_path / "bomb.py").write_text(f"open({str(tmp_path / 'went_off')!r}, 'w')\nraise SystemExit(9)\n")
    assert audit(tmp_path).files == 1
    assert not (tmp_path / "went_off").exists()


@pytest.mark.parametrize(
    ("source", "role"),
    [
        ("def send_to_user(user_id, event):\n    for s in SOCKETS[user_id]:\n        s.send(event)", "real"),
        ("def send_to_user(user_id, event):\n    for s in SOCKETS[user_id]:\n        s.close(event)", None),
        (
            "def send_to_user(user, event):\n    for u, s in ALL:\n        if u == user:\n            s.send(event)",
            "real",
        ),
        (
            "def send_to_user(user, event):\n    for u, s in SOCKETS:\n        if u == 'x':\n            s.send(event)",
            None,
        ),
        ("def send_to_user(user_id, event):\n    raise NotImplementedError", None),
        ("def notify(user, event):\n    hub.notify(user, event)", "adapter"),
        ("def notify(user, event):\n    hub.count(user, event)", None),
        ("def notify(user, event):\n    smtp.send_email(user, event)", None),
        ("def profile(user):\n    return PROFILES[user]", None),
        ("def tell(message):\n for ws in SOCKETS:\n  if ws.id == message.client_id:\n   ws.send(message)", "real"),
        ("def tell(message, room):\n for ws in SOCKETS:\n  if room in ws.rooms:\n   ws.send(message)", "real"),
        ("def tell(message, me):\n for ws in SOCKETS:\n  if ws == me:\n   continue\n  ws.send(message)", None),
        ("def add(channel, event):\n    for queue in QUEUES[channel]:\n        queue.append(event)", "real"),
        ("def publish(channel, event):\n    HISTORY[channel].append(event)", None),
        ("def notify(user, data):\n    async_to_sync(LAYER.group_send)(group_name(user), {'data': data})", "adapter"),
        (
            "def notify(user, data):\n    send = LAYER.group_send\n    in_thread(send, group_name(user), data)",
            "adapter",
        ),
        ("def publish(channel, data):\n    DB.execute('SELECT pg_notify($1, $2)', channel, data)", "adapter"),
        ("def send_topic(self, topic, data):\n    self.send_json({**data, 'topic': topic})", None),
        # left to another: it sends, it only counts, it is given a user and finds the connections
        (
            "def push(user, event):\n to(WS[user], event)\ndef to(them, event):\n for s in them:\n  s.offer(event)",
            "real",
        ),
        ("def push(user, event):\n to(SOCKETS[user], event)\ndef to(them, event):\n return len(them)", None),
        ("def push(room, event):\n for member in MEMBERS[room]:\n  hub.send_to_user(member, event)", "adapter"),
        (
            "class H:\n def push(self, uid, e):\n  for s in self.of(uid): s.send(e)\n def of(self, uid):\n"
            "  return self.sockets[uid]",
            "real",
        ),
        # what a user has several of, and a condition on what was given
        ("def push(user, event):\n for sub in user.subs.all():\n  send_one(sub, event)", "real"),
        (
            "def tell(names, x):\n want = {n.lower() for n in names}\n for c in CLIENTS:\n"
            "  if c.name in want: hub.send(c, x)",
            "real",
        ),
        # passed on by publishing to a name, with news made on the spot; not from one's own address
        ("def announce(place, data):\n REDIS.publish(place, data)", "adapter"),
        ("def notify_changed(doc):\n owner = doc.owner\n bus.emit(room_of(owner), {'type': 'changed'})", None),
        ("def emit(self, data):\n LAYER.group_send(self.group_name, data)", None),
        # whoever is told, these bring no event
        ("def close_user(user, message):\n    SOCKETS[user].send(message)", None),
        ("def ping_user(user):\n    SOCKETS[user].send('ping')", None),
        ("def send_history(user, data):\n    SOCKETS[user].send(data)", None),
        ("class EventStore:\n def push(self, user, event):\n  self.queues[user].append(event)", None),
        # a framework's handlers are entry points, if of anything
        ("@app.post('/x')\ndef notify(user, event):\n    hub.notify_user(user, event)", None),
        ("def send_chat(app, conn, data):\n    hub.broadcast_room(data['room'], data)", None),
    ],
)
def test_what_makes_an_implementation(tmp_path, source, role):
    (tmp_path / "one.py").write_text(source)
    found = [found.role for found in audit(tmp_path).found]
    assert found == ([role] if role else [])


def crosstalk(*arguments, cwd):
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()", "audit", *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_the_formats(tmp_path):
    done = crosstalk(TREE, cwd=tmp_path)
    assert done.returncode == 0
    assert "14 real implementations" in done.stdout and "unparsable.py:1: skipped" in done.stdout
    assert len(json.loads(crosstalk(TREE, "--format", "json", cwd=tmp_path).stdout)["found"]) == 30
    log = json.loads(crosstalk(TREE, "--format", "sarif", cwd=tmp_path).stdout)
    assert log["version"] == "2.1.0"
    results = log["runs"][0]["results"]
    rules = [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in results)
    assert {result["ruleId"] for result in results} == set(rules)
    crosstalk(TREE, "--format", "svg", "--out", "picture.svg", cwd=tmp_path)
    picture = ElementTree.parse(tmp_path / "picture.svg").getroot()
    assert len(picture.findall(".//{http://www.w3.org/2000/svg}rect")) == 30
    text = formats.mermaid(audit(TREE))
    assert text.startswith("flowchart LR") and text.count("[[") == 14


def test_expect_single(tmp_path):
    (tmp_path / "ws.py").write_text(
        "class Hub:\n    def send_to_user(self, user, event):\n        self.sockets[user].send(event)\n"
    )
    assert crosstalk(tmp_path, "--expect-single", "ws:Hub.send_to_user", cwd=tmp_path).returncode == 0
    (tmp_path / "more.py").write_text("def notify_user(user, event):\n    SOCKETS[user].send(event)\n")
    done = crosstalk(tmp_path, "--expect-single", "ws:Hub.send_to_user", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "not single: more:notify_user broadcasts to a user too\n"
    absent = crosstalk(tmp_path, "--expect-single", "ws:Hub.emit", cwd=tmp_path)
    assert absent.returncode == 2 and "there is none" in absent.stderr


def test_the_baseline_only_falls(tmp_path):
    one, two = tmp_path / "tree" / "one.py", tmp_path / "tree" / "two.py"
    one.parent.mkdir()
    for path in (one, two):
        path.write_text("def notify_user(user, event):\n    SOCKETS[user].send(event)\n")
    arguments = ("tree", "--baseline", "base.json")
    assert "make it with --write-baseline" in crosstalk(*arguments, cwd=tmp_path).stderr
    assert crosstalk(*arguments, "--write-baseline", cwd=tmp_path).returncode == 0
    assert crosstalk(*arguments, cwd=tmp_path).returncode == 0
    two.unlink()
    fewer = crosstalk(*arguments, "--write-baseline", cwd=tmp_path)
    assert fewer.returncode == 0
    two.write_text("def notify_user(user, event):\n    SOCKETS[user].send(event)\n")
    done = crosstalk(*arguments, "--write-baseline", cwd=tmp_path)
    assert done.returncode == 1 and "two:notify_user" in done.stderr
    assert json.loads((tmp_path / "base.json").read_text()) == {"implementations": ["one:notify_user"]}
    (tmp_path / "base.json").write_text("[]")
    assert "is no baseline" in crosstalk(*arguments, cwd=tmp_path).stderr


def test_a_path_that_is_not_there(tmp_path):
    done = crosstalk("nowhere", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == "crosstalk: there is no file or folder nowhere\n"
