"""The space-time picture, read as XML: what it shows of whom, what it folds, and that nothing in it can act."""

import math
import re
import xml.etree.ElementTree as ET

import msgspec
import pytest
from verdicts import examined, made, scene

from crosstalk.model.scene import Act, Culprit
from crosstalk.reporting.picture import LANES, ROWS, STYLE, picture
from crosstalk.reporting.sentences import story

SVG = "{http://www.w3.org/2000/svg}"
WORDS = "'bob' was sent an event that belongs to 'alice'"


def drawn(*arguments, **options) -> ET.Element:
    return ET.fromstring(str(picture(*arguments, **options)))


def words(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def of_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in svg.iter() if name in element.get("class", "").split()]


def test_the_culprit_is_the_one_red_arrow_and_goes_from_the_owner_to_the_receiver():
    svg = drawn(scene(arrivals=3), "isolation", WORDS)
    heads = of_class(svg, "redhead")
    assert len(heads) == 1
    lanes = {text.text: float(text.get("x")) for text in of_class(svg, "who")}
    (arrow,) = [
        line for line in of_class(svg, "red") if line.get("y1") != line.get("y2") and line.get("x1") != line.get("x2")
    ]
    assert lanes["alice"] <= float(arrow.get("x1")) < lanes["bob"] < float(arrow.get("x2"))
    assert float(arrow.get("y1")) < float(arrow.get("y2"))  # time runs downwards
    assert len(of_class(svg, "head")) == 2  # the other two frames


def test_rule_owner_receiver_and_line_are_in_words_beside_it():
    svg = drawn(scene(), "isolation", WORDS)
    said = " ".join(words(svg))
    assert "its canary says it belongs to alice" in said
    assert "Received by bob on bob/1" in said
    assert "Sent at ws.py:12 in Hub.send" in said
    assert "No user is ever sent what belongs to another user" in said


def test_the_text_alternative_tells_the_story():
    svg = drawn(scene(), "isolation", WORDS)
    assert svg.find(f"{SVG}title").text == WORDS
    told = svg.find(f"{SVG}desc").text
    assert "An event (agent_started) for alice is published: event #0." in told
    assert "HERE: Event #0 of alice is sent to bob/1 (socket 1), which is bob's connection." in told
    assert svg.get("role") == "img"


def test_the_story_says_that_the_owner_had_no_connection():
    whole = scene()
    left = msgspec.structs.replace(whole.connections[0], leaving=5, left=6)
    for connections, said in (((left, whole.connections[1]), True), (whole.connections, False)):
        told = story(msgspec.structs.replace(whole, connections=connections), "isolation", WORDS)
        assert any("which is bob's connection; alice has no open connection then." in line for line in told) is said


@pytest.mark.parametrize("count", [2, 6, 7, 50])
def test_many_users_are_folded_and_the_picture_says_so(count):
    users = tuple(f"user{n}" for n in range(count))
    svg = drawn(scene(users), "isolation", WORDS)
    shown = [text.text for text in of_class(svg, "who")]
    assert {"user0", f"user{count - 1}"} <= set(shown)
    assert len(shown) == min(count, LANES)
    left_out = [text for text in words(svg) if "users are left out" in text]
    assert left_out == ([f"{count - LANES} other users are left out"] if count > LANES else [])
    assert float(svg.get("width")) < 2_200


def test_many_rows_are_cut_around_the_culprit():
    svg = drawn(scene(arrivals=300), "isolation", WORDS)
    assert any(re.fullmatch(r"\.\.\. \d+ rows are left out here \.\.\.", text) for text in words(svg))
    assert len(of_class(svg, "redhead")) == 1
    assert float(svg.get("height")) < 26 * (ROWS + 6)
    assert len(str(picture(scene(arrivals=300), "isolation", WORDS))) < 40_000


def test_what_never_came_is_a_dashed_arrow_with_a_cross():
    whole = scene()
    publish = len(whole.acts) - 1
    late = msgspec.structs.replace(whole, arrivals=(), culprit=Culprit("missing", 60, publish, 1))
    svg = drawn(late, "delivery", "'alice' never received an event")
    (arrow,) = [line for line in of_class(svg, "never")]
    assert arrow.get("x1") != arrow.get("x2")
    assert "no #0" in words(svg)
    assert not of_class(svg, "redhead")


def test_a_call_that_never_returns_is_marked_at_the_call():
    whole = scene()
    acts = (*whole.acts[:-1], Act("publish", 0, 8, event=0, ending="pending", waits_at="ws.py:9 in send"))
    svg = drawn(
        msgspec.structs.replace(whole, acts=acts, arrivals=(), culprit=Culprit("act", 40, len(acts) - 1)),
        "crash",
        "publish of 'alice' never returned",
    )
    assert [element.tag for element in of_class(svg, "red")].count(f"{SVG}circle") == 1
    assert "At ws.py:9 in send." in " ".join(words(svg))


def test_time_that_jumps_and_the_differing_decision_have_lines_of_their_own():
    shown = made().checks[0].violations[0].exhibit
    svg = drawn(shown.scene, "isolation", WORDS, [(shown.decisions[0].time, "only the send to bob is answered")])
    assert len(of_class(svg, "jump")) == 1
    assert len(of_class(svg, "decide")) == 1
    assert any("only the send to bob is answered" in text for text in words(svg))


def test_hostile_names_and_words_stay_text():
    hostile = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u202eb\x1b[31m")
    svg = drawn(scene(hostile), "isolation", "</svg><script>alert(2)</script>\u202e")
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} <= {
        "svg", "title", "desc", "style", "rect", "text", "line", "circle", "polygon",
    }  # fmt: skip
    assert not any(name.startswith("on") or "href" in name for element in svg.iter() for name in element.attrib)
    everything = "".join(svg.itertext())
    assert "\u202e" not in everything and "\x1b" not in everything
    assert "\\u202e" in everything


def test_light_dark_and_print_are_provided_for_and_nothing_is_told_by_colour_alone():
    svg = drawn(scene(), "isolation", WORDS)
    style = svg.find(f"{SVG}style").text
    assert "prefers-color-scheme:dark" in style and "@media print" in style
    assert any(text.startswith("✕") for text in words(svg))


# how people without red, green or blue cones see linear RGB (Machado, Oliveira, Fernandes 2009, severity 1)
BLIND_TO = {
    "nothing": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def seen(colour, matrix):
    """A colour as CIE L*a*b*, seen through `matrix`."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    r, g, b = (min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in matrix)
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("blind", BLIND_TO)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_sees_fewer_colours_tells_the_wrong_arrow_from_the_others(scheme, blind):
    light, dark = STYLE.split("@media (prefers-color-scheme:dark)")
    colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", light if scheme == "light" else dark.split("@media")[0]))
    red, *others = (seen(colours[name], BLIND_TO[blind]) for name in ("red", "sent", "wait", "lane"))
    assert min(math.dist(red, other) for other in others[::2]) > 25  # the arrow itself, and what it is drawn on
    assert math.dist(red, others[1]) > 10  # a hatched bar is no arrow anyway


@pytest.mark.parametrize(
    "member", ["held_current_user", "tab_close", "newest_first", "impatient_sender", "dead_letters"]
)
def test_every_violation_of_real_members_can_be_drawn(member):
    verdict = examined(member)
    found = [(check.name, violation) for check in verdict.checks for violation in check.violations]
    assert found
    for check, violation in found:
        shown = violation.exhibit
        assert shown is not None
        for part in (shown.scene, shown.passing):
            if part is not None:
                svg = drawn(part, check, violation.message, shown.failing)
                assert len(of_class(svg, "redhead")) <= 1
                numbers = [
                    float(v) for e in svg.iter() for k, v in e.items() if k in ("x1", "x2", "y1", "y2", "cx", "cy")
                ]
                assert all(-1 <= number <= 4_000 for number in numbers)
