"""index.html as text: self-contained, small, made of verdict.json alone, and harmless whatever the verdict holds."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest
from verdicts import examined, made

from crosstalk.model.attempt import Exchange
from crosstalk.model.bound import upper_bound
from crosstalk.model.live_figures import Limit, LiveFigures, Percentiles, Sighting
from crosstalk.model.verdict import CheckVerdict, Explored, FoundViolation, Schedule, Verdict
from crosstalk.model.waits import HeatMap
from crosstalk.reporting.page import facts, lead, measured, page


class Reader(HTMLParser):
    """Tags with their attributes, and the text that is shown."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.silent = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.silent += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.silent -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.silent:
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.text))


def test_a_stranger_reads_who_received_whose_event_and_why():
    words = Reader(page(examined("everybody_when_absent"))).words
    violation = next(c for c in examined("everybody_when_absent").checks if c.name == "isolation").violations[0]
    owner, receiver = violation.users
    assert f"isolation: '{receiver}' was sent an event that belongs to '{owner}'" in words
    assert (
        f"the event event #{violation.exhibit.scene.arrivals[violation.exhibit.scene.culprit.number].events[0]}"
        in words
    )
    assert re.search(rf"received by {receiver}, on device {receiver}/\d", words)
    assert re.search(r"sent at .*everybody_when_absent\.py:24 in Hub\.broadcast_to_user", words)
    assert "No user is ever sent what belongs to another user." in words
    assert f"crosstalk replay {violation.replay}" in words
    assert re.search(r"> +24 +await websocket\.send_json\(event\)", words)


def test_what_no_single_moment_of_a_live_run_shows_has_no_time():
    seen = Sighting(9.0, -1, "83.5% of 133 succeeded")
    found = FoundViolation("too many failed", (), "", Schedule("live", 0), "", "failures", sighting=seen)
    assert not any(what == "first seen" for what, _ in facts("success", found))
    seen = Sighting(9.0, 0)
    shown = facts("success", msgspec.structs.replace(found, sighting=seen))
    assert ("first seen", "after 9.0 s, in round 0; 1 in all") in shown


def test_it_is_made_of_verdict_json_alone():
    verdict = examined("held_current_user")
    again = msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict)
    assert page(again) == page(verdict)


def test_nothing_is_loaded_from_elsewhere_and_only_its_own_script_may_run():
    text = page(made(3))
    read = Reader(text)
    for tag, attributes in read.tags:
        assert tag not in ("iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "action", "data", "srcset"):
            value = attributes.get(name) or "#"
            assert value.startswith("#") or value == "data:,", (tag, name, value)
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    policy = next(a["content"] for t, a in read.tags if a.get("http-equiv") == "Content-Security-Policy")
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert text.count("<script") == 1
    assert "url(" not in text and "@import" not in text


@pytest.mark.parametrize(("users", "arrivals"), [(3, 6), (50, 200)])
def test_a_hundred_violations_stay_under_a_megabyte(users, arrivals):
    text = page(made(100, tuple(f"user{n}" for n in range(users)), arrivals=arrivals, sample="x" * 400))
    assert len(text.encode()) < 1_000_000
    read = Reader(text)
    assert read.words.count("Play it again, exactly") == 100
    drawn, undrawn = text.count('aria-label="Timeline of the failing run"'), read.words.count("Not drawn here")
    assert drawn + undrawn == 100 and drawn >= 20
    assert "None of" not in read.words  # each has a run that keeps the rule, shown or not


def test_more_than_are_drawn_are_counted():
    words = Reader(page(made(130))).words
    assert "Findings (100)" in words and "30 more findings are not drawn here" in words


HOSTILE = (
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "]]>\"'><svg onload=alert(3)>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnihtemos\u2066",
    "\x1b[31m\x07\x00",
    "\ud800",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text):
    made_page, plain = (
        page(made(1, (word, "bob"), target=word, message=word, sample=word, notes=(word,))) for word in (text, "plain")
    )
    read = Reader(made_page)
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in Reader(plain).tags]
    assert not any(name.startswith("on") for _, attributes in read.tags for name in attributes)
    for character in "\u202e\u2066\x1b\x07\x00":
        assert character not in made_page
    if "7 * 7" in text:
        assert text in read.words
    made_page.encode("utf-8")


def test_a_payload_of_ten_megabytes_is_cut():
    verdict = made(2, sample="A" * 10_000_000, notes=("n" * 10_000_000,), message="m" * 1_000_000)
    text = page(verdict)
    assert len(text) < 200_000
    assert "more characters" in text


def test_a_pass_says_what_it_proves():
    verdict = Verdict("pass", "ws:Hub", 0, (CheckVerdict("isolation", "pass", 3_000),), (), made().explored)
    (first, *_) = lead(verdict)
    assert "No user was sent what belongs to another in 3,000 opportunities: below 1.0e-03 per frame at 95 %" in first
    assert "No violation was found." in Reader(page(verdict)).words


def test_an_unknown_says_of_which_check_and_why():
    said = " ".join(lead(made(0)))
    assert "cannot be told" in said and "crash (it had no opportunity)" in said
    words = Reader(page(made(0))).words
    assert "? UNKNOWN" in words and "✕ missed" in words


@pytest.mark.parametrize(("n", "bound"), [(0, 1.0), (1, 0.95), (59, 0.0495), (3_000_000, 1e-6)])
def test_the_bound_is_the_exact_one_for_no_events(n, bound):
    assert upper_bound(n) == pytest.approx(bound, rel=0.01)
    if n:
        assert (1 - upper_bound(n)) ** n == pytest.approx(0.05, rel=1e-6)


def test_a_live_run_shows_its_figures_and_how_to_see_it_again():
    plain = made(1)
    command = "crosstalk smoke ws://127.0.0.1:9/ws --seed 7"
    seen = Sighting(4.25, 2, "{redacted}", 3, 5, 4, 2, command)
    found = FoundViolation(
        "m", ("alice", "bob"), "", Schedule("live", 0), "first\n>> the timeline", "leak", sighting=seen
    )
    live = LiveFigures(
        50, 9, 100, 200, 3_000, {"canary": 2_900}, {"ping": 100}, 300, {"<b>refused</b>": 3},
        latency=Percentiles(200, 0.010, 0.020, 0.030, 0.2505, ((0.01, 150), (0.02, 49), (0.32, 1))),
        heat=HeatMap(2, ("alice", "<carol>", *map(str, range(98))), ((0.2505, None), *((0.01, 0.02),) * 99), 7),
    )  # fmt: skip
    checks = (CheckVerdict("isolation", "fail", 10, (found,)),)
    text = page(Verdict("fail", "ws://x", 0, checks, plain.controls, plain.explored, live=live))
    read = Reader(text)
    assert text.count('class="wrong"') == 1  # in alice's row; bob has none
    assert "50 users, 100 connections, 200 runs and 3,000 deliveries" in read.words and "99.00% succeeded" in read.words
    assert "canary (2,900); 100 could not be told" in read.words and "<b>refused</b> (3)" in read.words
    assert "p95 20.0 ms, p99 30.0 ms, max 250.5 ms" in read.words
    assert "150 within 10 ms, 49 within 20 ms, 1 within 320 ms" in read.words
    assert "The longest of all: alice 250 ms, <carol> 20 ms" in read.words
    assert "67 users who waited less are left out" in read.words  # 100 are held, 40 drawn
    assert "opening of a connection" not in read.words
    assert "after 4.2 s, in round 2; 3 in all" in read.words and "in 4 of 5 replays" in read.words
    assert "crosstalk smoke ws://127.0.0.1:9/ws --seed 7" in read.words and "crosstalk replay" not in read.words
    assert '<span class="here">&gt;&gt; the timeline</span>' in text and "{redacted}" in read.words
    assert "seen as it is shown" in read.words and "confirmed by playing" not in read.words
    assert "confirmed by playing it again" in Reader(page(plain)).words


def knocked(says="a token for another audience", lines=3):
    """A verdict of `crosstalk refusals` that somebody was let in."""
    asked = Exchange(
        "alice", says, (f"GET /ws?{says} HTTP/1.1", *("X-Header: 1",) * (lines - 1)), "not let in: refused",
        "open after 0.5 s and answered with frames of 1 kind", "open after 0.1 s",
    )  # fmt: skip
    message = f"'alice' was let in with {says}"
    found = FoundViolation(message, ("alice",), "", Schedule("live", 0), "as text", "let in", exchange=asked)
    explored = Explored(18, 0, 0, 32, 4.6)
    return Verdict("fail", "ws://x", 0, (CheckVerdict("authentication", "fail", 18, (found,)),), (), explored)


@pytest.mark.parametrize("says", ["a token for another audience", *HOSTILE[:3], "x" * 9_000])
def test_who_knocked_with_what_is_drawn_with_what_was_expected_and_what_came(says):
    text = page(knocked(says, 40))
    (drawn,) = re.findall(r'<svg[^>]*class="ctp".*?</svg>', text, re.S)
    order = ("good credentials", "open after 0.1 s", "just after that", "GET /ws?", "more lines, below as text",
             "expected: not let in: refused", "✕ open after 0.5 s and answered")  # fmt: skip
    assert re.search(".*".join(map(re.escape, order)), drawn, re.S)
    assert drawn.count('class="redhead"') == 1 and "Rule broken (authentication)" in drawn
    assert drawn.count("<text") < 45
    words = Reader(text).words
    assert "HERE: The answer: open after 0.5 s and answered with frames of 1 kind." in words
    assert "18 attempts with bad credentials and tricks" in words and "schedules" not in words and "--seed" not in words
    plain = [tag for tag, _ in Reader(page(knocked("plain", 40))).tags if tag not in ("text", "rect")]
    assert [tag for tag, _ in Reader(text).tags if tag not in ("text", "rect")] == plain


def test_a_limit_is_drawn_with_the_share_beyond_and_failures_with_their_users_and_times():
    seen = Sighting(9.0, -1)
    checks = tuple(
        CheckVerdict(name, "fail", 200, (FoundViolation(said, (), "", Schedule("live", 0), said, said, sighting=seen),))
        for name, said in (("latency", "p95 is too long"), ("success", "90% succeeded"))
    )
    live = LiveFigures(
        50, 9, 100, 200, 3_000, attempts=300, failures={"refused": 7}, limits={"latency": Limit(0.1, 50)},
        latency=Percentiles(200, 0.010, 0.200, 0.250, 0.2505, ((0.01, 150), (0.16, 49), (0.32, 1))),
        failed=(("alice", 1.0), ("<b>", 2.0), ("<b>", 2.0), ("<b>", 3.0)),
    )  # fmt: skip
    plain = made(0)
    text = page(Verdict("fail", "ws://x", 0, checks, plain.controls, plain.explored, live=live))
    words = Reader(text).words
    assert "50 of 200 (25.0%) took longer than the limit, 100 ms; 5% may." in words
    assert text.count('class="limit"') == 2 == text.count("limit 100 ms, 25.0% beyond")  # in the card, and of the run
    first = text.partition('class="limit"')[0].rpartition("<svg")[2]
    assert first.count('class="bar"') == 1 and first.count('class="beyond"') == 2
    assert "Each ✕ is a failure; beside each user how many there were. 50 users took part. 3 more failures" in words
    assert text.count('class="wrong"') == 2 + 1 + 2  # the limits, alice's, and of <b> those of one moment as one
    assert "<b> 3, alice 1" in words
    assert words.count("p95 is too long") == 1 and "The timeline as text" not in words  # it would say it once more
    assert measured("isolation", plain) == measured("latency", plain) == []
    ((_, _, alone),) = measured("success", Verdict("fail", "x", 0, checks, (), plain.explored, live=live), alone=True)
    assert "<style>" in alone and 'class="paper"' in alone
