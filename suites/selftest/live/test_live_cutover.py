"""Two running servers, users who stay, and a switch: what is lost, leaked or stuck is found, what is right passes."""

import asyncio
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import event_streams
import planted
import pytest
import switching
from click.testing import CliRunner
from serving import SECRET, planned, serving

from crosstalk.auth.redaction import Redactor
from crosstalk.checks.live import carried, down_time
from crosstalk.cli import cli
from crosstalk.live import settings
from crosstalk.live_cutover import Wanted, _Cutting, rehearse
from crosstalk.model.golden_path import Grammar
from crosstalk.model.live_records import histories
from crosstalk.targets.live_switch import SwitchFailed, switch

PACE = 0.01
PATIENT = 8.0
"""Seconds in which everybody is back, however busy the machine; who never comes back is found whatever it is."""


async def moved(proxy, old=planted.Chat, devices=2, fan_out="auto"):
    """The rehearsal of moving users from one server to another by `proxy`, or by themselves where there is none."""
    given = {"users": 6, "duration": 2.0, "run_seconds": 2.5, "devices": devices, "fan_out": fan_out}
    limit = 2.0 if proxy is switching.Forgetting else PATIENT
    async with old(SECRET, PACE).serving() as first, planted.Chat(SECRET, PACE).serving() as second:
        if proxy is None:
            return await rehearse(planned(first, **given), Wanted(first, second, limit=limit))
        stands = proxy(first, second)
        async with stands.serving() as front:
            wanted = Wanted(first, second, front, stands.move, "a proxy", limit=limit)
            return await rehearse(planned(front, **given), wanted)


class OneEach(planted.Chat):
    """Ends a user's connection when the same user opens another."""

    def enter(self, device):
        for earlier in self.devices.get(device.user, ()):
            self.closing = asyncio.ensure_future(earlier.connection.close(4000, "elsewhere"))
        super().enter(device)


class CutStreams(event_streams.Streams):
    """OLD, NEW and the proxy in one: a move ends all streams, and who comes back is sent what was missed."""

    async def move(self, share, cohort):
        for stream in [stream for mine in self.devices.values() for stream in mine]:
            stream.queue.put_nowait(None)

    async def sent_on(self, stream):
        yield ": welcome\n\n"
        try:
            while (item := await stream.queue.get()) is not None:
                yield self.written(*item)
        finally:
            self.leave(stream)


class CutUnnamed(CutStreams, event_streams.Unnamed):
    """Without ids nobody can say what was missed."""


async def moved_streams(kind):
    """The same with event streams, whose runs are asked for by POST."""
    chat = kind(SECRET, PACE)
    given = {"users": 4, "duration": 2.0, "run_seconds": 2.5, "cause": f"{chat.url}/ask"}
    async with chat.serving() as url:
        return await rehearse(planned(url, **given), Wanted(url, url, url, chat.move, "a proxy", limit=PATIENT))


CASES = {
    "by themselves": (None, planted.Chat, 2, "all"),
    "drained": (switching.Draining,),
    "drained, one device": (switching.Draining, planted.Chat, 1),
    "one connection each": (None, OneEach),
    "cut": (switching.Cutting,),
    "leaked": (switching.Leaking,),
    "forgotten": (switching.Forgetting,),
    "swallowed": (switching.Swallowing,),
    "sibling missed": (switching.Draining, planted.Chat, 2, "all"),
    "OLD leaks": (switching.Draining, planted.HeldCurrentUser),
}


@pytest.fixture(scope="module")
def rehearsals():
    """All at the same time, for most of it is waiting."""

    async def every():
        streams = (moved_streams(kind) for kind in (CutStreams, CutUnnamed))
        return await asyncio.gather(*(moved(*case) for case in CASES.values()), *streams)

    return dict(zip((*CASES, "streams", "streams without ids"), asyncio.run(every()), strict=True))


@pytest.mark.parametrize(
    ("name", "users"),
    [("by themselves", 6), ("drained", 6), ("drained, one device", 6), ("one connection each", 6), ("streams", 4)],
)
def test_a_migration_without_loss_passes(name, users, rehearsals):
    result = rehearsals[name]
    assert result.verdict == "pass", (result.losses, result.notes)
    assert result.live and result.moves >= 2 and result.opportunities["carried"] >= 12
    assert {control.check for control in result.controls} >= {"isolation", "carried", "down_time"}
    assert all(control.caught for control in result.controls)
    assert len(result.down_time) == users


def test_who_goes_over_itself_is_never_down_and_who_is_drained_is_for_a_moment(rehearsals):
    assert set(rehearsals["by themselves"].down_time.values()) == {0.0}
    down = rehearsals["drained, one device"].down_time.values()
    assert 0 < max(down) < PATIENT and rehearsals["drained, one device"].worst_point


def test_a_user_with_two_devices_is_down_when_neither_is_connected():
    lost = [("connecting", 0, 0, 0.5), ("connected", 0, 0.5), ("connecting", 0, 1, 0.5), ("connected", 1, 0.5)]
    lost += [("left", 0, 2.0, "network", "gone"), ("left", 1, 3.0, "network", "gone")]
    back = [("connecting", 0, 0, 3.25), ("connected", 2, 3.25), ("connecting", 0, 1, 3.5), ("connected", 3, 3.5)]
    history = played(*lost, *back, ("quiet", 5.0))
    assert down_time.spans(history) == {0: [(3.0, 3.25)]}
    assert down_time.of_devices(history, 2) == {(0, 0): [(2.0, 3.25)], (0, 1): [(3.0, 3.5)]}
    assert not down_time.check(history, 2.0, 2).violations
    (alone,) = down_time.check(history, 1.0, 2).violations
    assert alone.message == "a device of 'ann' was without a connection for 1.250 s, from 2.000 s to 3.250 s"


def test_where_a_user_has_one_connection_nobody_is_given_two(rehearsals):
    result = rehearsals["one connection each"]
    assert any(note.startswith("this system ends a user's connection") for note in result.notes)
    assert set(result.down_time.values()) == {0.0}


@pytest.mark.parametrize(
    ("name", "check", "words"),
    [
        ("cut", "carried", "came nothing more"),
        ("leaked", "isolation", "which belongs to"),
        ("forgotten", "down_time", "to the end"),
        ("swallowed", "carried", "arrived as: nothing"),
        ("streams without ids", "carried", "arrived as: "),
        ("sibling missed", "carried", "on another device than the one that asked"),
    ],
)
def test_what_is_planted_is_found(name, check, words, rehearsals):
    result = rehearsals[name]
    assert result.verdict == "fail"
    loss = next(loss for loss in result.losses if loss.check == check)
    assert loss.whose == "migration" and "after moving" in loss.point
    assert words in loss.found.message
    assert "-- move:" in loss.found.timeline


def test_what_old_does_alone_is_not_held_against_the_migration(rehearsals):
    result = rehearsals["OLD leaks"]
    assert all(loss.whose == "OLD" for loss in result.losses if loss.check == "isolation")
    assert any(note.startswith("OLD alone breaks isolation") for note in result.notes)


# -- what runs are judged by, and how long users are down ------------------------------------------------------------

GRAMMAR = Grammar.parse("start think+ end")


def played(*records, users=("ann", "bob")):
    """A round, of records as the journal has them; everybody is there at the end."""
    (history,) = histories([("round", 0, users, GRAMMAR.expression), *records])
    return history


def stays(episode, connected, lost=None):
    """A connection of user 0, open from `connected` to the end, or to when it was lost."""
    opened = [("connecting", 0, 0, connected), ("connected", episode, connected)]
    return [*opened, ("left", episode, lost, "network", "gone") if lost else ("answered", episode)]


def came(episode, time, *kinds):
    types = {"start": 1, "think": 2, "end": 3}
    return [("d", time, episode, 0, 0, 0, 4, types[kind], -1 << 62) for kind in kinds]


TYPES = [("type", "start"), ("type", "think"), ("type", "end")]
ASKED = [("run", 0, 1, 0, 1.0), ("asked", 0, 1.0, 1, "")]


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        (("start", "think"), ("think", "end"), None),  # whether the thought was shown twice or there were two
        (("start", "think"), ("end",), None),
        (("start", "think"), ("start", "think", "end"), None),  # shown again from the beginning
        (("start", "think"), ("think",), "incomplete"),
        (("start",), ("end",), "grammar"),
        ((), ("start", "think", "end"), None),  # lost before anything came: given up, and asked again
    ],
)
def test_a_run_is_judged_over_all_connections_of_its_user(first, second, cause):
    records = [*TYPES, *stays(0, 0.5, 2.0), *ASKED, *came(0, 1.5, *first), *stays(1, 2.5), *came(1, 3.0, *second)]
    result = carried.check(played(*records, ("quiet", 5.0)))
    assert [violation.cause for violation in result.violations] == ([cause] if cause else [])
    assert result.opportunities == (1 if first else 0)


def test_down_time_is_from_a_loss_to_the_next_connection_and_not_what_users_do_themselves():
    lost = [*stays(0, 0.5, 2.0), *stays(1, 2.75, 4.0), *stays(2, 4.25)]
    assert down_time.spans(played(*lost, ("quiet", 5.0))) == {0: [(2.0, 2.75), (4.0, 4.25)]}
    left = [*stays(0, 0.5), ("leaving", 0, 2.0), ("left", 0, 2.0, "us", ""), *stays(1, 2.75)]
    assert down_time.spans(played(*left, ("quiet", 5.0))) == {0: []}
    overlapping = [*stays(0, 0.5, 2.0), *stays(1, 1.75)]
    assert down_time.spans(played(*overlapping, ("quiet", 5.0))) == {0: []}


def test_down_time_is_also_from_a_message_that_was_lost_until_another_could_be_sent():
    history = played(*TYPES, *stays(0, 0.5, 2.0), *ASKED, *stays(1, 2.25), ("quiet", 5.0))
    assert down_time.spans(history) == {0: [(2.0, 2.25), (1.0, 2.25)]}


def test_who_does_not_come_back_is_stuck_whatever_the_limit():
    history = played(*stays(0, 0.5, 4.5), ("quiet", 5.0))
    (stuck,) = down_time.check(history, 60.0).violations
    assert stuck.cause == "stuck" and "to the end" in stuck.message


def test_what_did_not_come_while_the_client_stood_still_accuses_nobody():
    cutting = _Cutting(settings(planned("ws://127.0.0.1:1/ws")), Redactor(()), Wanted("a", "b"))
    records = [*TYPES, *stays(0, 0.5), *ASKED, *came(0, 1.5, "start"), ("quiet", 5.0)]
    (lost,) = cutting._judged(played(*records))["carried"].violations
    assert lost.cause == "incomplete"
    assert cutting._judged(played(*records, ("late", 3.0))).keys() & {"carried", "down_time", "isolation"} == {
        "isolation"
    }
    assert cutting.stood_still == 3.0


# -- the command, and switches ----------------------------------------------------------------------------------------


def typed(*arguments):
    return CliRunner().invoke(cli, ["cutover", *arguments])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "--switch", "m:f"), "give both, or neither"),
        (("ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "--through", "ws://127.0.0.1:1/c"), "give both, or neither"),
        (("ws://127.0.0.1:1/a", "ws://staging.example/b"), "staging.example is not among the hosts"),
        (("ws://127.0.0.1:1/a", "hub.py:Hub"), "give two broadcasters, or the addresses"),
        (("ws://127.0.0.1:1/a", "http://127.0.0.1:1/b"), "must be spoken to in the same way"),
        (
            ("ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "--cause", "http://127.0.0.1:1/ask"),
            "this --cause asks elsewhere",
        ),
        (("ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "--strict"), "are of broadcasters, not of addresses"),
        (("a.py:A", "b.py:B", "--through", "ws://127.0.0.1:1/c"), "are of addresses, not of broadcasters"),
        (
            ("ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "--through", "ws://127.0.0.1:1/c", "--switch", "flip it"),
            "is no switch",
        ),
        (("ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "--auth", "none"), "could not connect"),
    ],
)
def test_what_cannot_be_rehearsed_is_a_sentence(arguments, words):
    done = typed(*arguments)
    assert done.exit_code == 2 and words in done.stderr, done.output
    assert done.stderr.startswith("crosstalk: ") and done.stderr.count("\n") == 1


def test_the_command_tells_what_it_came_to(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSTALK_JWT_SECRET", SECRET)
    chat = planted.Chat(SECRET, PACE)
    with serving(chat.serving) as old, serving(planted.Chat(SECRET, PACE).serving) as new:
        done = typed(old, new, "--users", "4", "--budget", "1", "--run-seconds", "3", "--reports", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "down-time: crosstalk-user-0001 0 s, " in done.stdout
    assert re.search(r"rehearsed: 6 switch points, 5 rounds, [1-6] moves", done.stdout)
    assert f"verdict: pass for moving {old} to {new} by drain" in done.stdout
    assert json.loads((tmp_path / "cutover.json").read_text())["live"] is True
    assert "crosstalk-user-0001" in (tmp_path / "index.html").read_text()
    assert not chat.devices, "every connection was closed"


def told(spec, share=0.5, cohort=frozenset({"ann"})):
    move, _ = switch(spec)
    asyncio.run(move(share, cohort))


def test_a_switch_may_be_a_command(tmp_path):
    path = tmp_path / "said"
    told(f"{sys.executable} -c \"import sys; open('{path}', 'w').write(sys.argv[1])\" {{percent}}:{{users}}")
    assert path.read_text() == "50:ann"
    with pytest.raises(SwitchFailed, match="ended with 3: no such flag"):
        told(f"{sys.executable} -c \"print('no such flag'); raise SystemExit(3)\" {{share}}")


def test_a_switch_may_be_an_address(httpserver):
    told(f"POST {httpserver.url}/flag?percent={{percent}}")
    assert httpserver.got == [("/flag?percent=50", {"share": 0.5, "percent": 50.0, "users": ["ann"]})]
    httpserver.status = 503
    with pytest.raises(SwitchFailed, match="answered 503"):
        told(f"POST {httpserver.url}/flag")


def test_a_switch_may_be_a_callable(tmp_path, monkeypatch):
    (tmp_path / "flags.py").write_text("def move(share, cohort):\n    raise KeyError('flag')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SwitchFailed, match="raised KeyError: 'flag'"):
        told("flags:move")


@pytest.fixture
def httpserver():
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            server.got.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        server.got, server.status = [], 200
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
