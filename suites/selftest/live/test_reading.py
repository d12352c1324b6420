"""Frames are read by pointers: the compiled way and the walk agree, whatever the frame is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstalk.model.canary import Canary, mint
from crosstalk.targets.reading import PARTS, Pointers, Reading, canaries, named, reader, split
from crosstalk.targets.shape import shape

KEY = b"a key of 16 byte"
TOKEN = mint(KEY, Canary(1, 2, 3, 4)).encode()


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"type": "a", "user_id": "u", "run_id": "r", "thread_id": "t"}, ("a", "u", "r", "t")),
        ({"type": "a", "payload": {"user_id": "u", "run_id": "r"}}, ("a", "u", "r", None)),
        ({"event": "a", "data": {"user_id": 7, "thread_id": 8}}, ("a", "7", None, "8")),
        ({"type": "a", "payload": "text", "run_id": "r"}, ("a", None, "r", None)),
        ({"type": "a", "payload": {"type": "b"}}, ("a", None, None, None)),
        ({"type": None, "payload": {"type": "b"}}, ("b", None, None, None)),
        ({"type": {"name": "a"}, "user_id": ["u"]}, (None, None, None, None)),
        ({}, (None, None, None, None)),
    ],
)
def test_flat_and_wrapped_events(frame, expected):
    assert reader(Pointers())(json.dumps(frame).encode()) == [Reading(*expected, None)]


def test_what_python_takes_for_json_is_read():
    assert reader(Pointers())(b'{"type":"a","score":NaN,"run_id":"r"}') == [Reading("a", None, "r", None, None)]


@pytest.mark.parametrize(
    "frame", [b"", b"ping", b"42", b'"text"', b"{", b'{"type":', b"\xff\xfe", b"null", b"<html>", b"[" * 99_999]
)
def test_what_is_no_event_is_said_to_be_none(frame):
    assert reader(Pointers())(frame) is None


def test_several_events_in_a_frame_are_several():
    read = reader(Pointers())
    array = b'[{"type":"a"},{"type":"b","user_id":"u"}]'
    lines = b'{"type":"a"}\n{"type":"b","user_id":"u"}\n'
    for frame in (array, lines):
        assert [event.type for event in read(frame)] == ["a", "b"]
        assert [read(piece) for piece in split(frame)] == [[event] for event in read(frame)]


STOMP = b'MESSAGE\nsubscription:0\ndestination:/user/queue/events\n\n{"type":"%b"}\0'


@pytest.mark.parametrize(
    ("frame", "types"),
    [
        (b'{"type":"a"}\x1e', ["a"]),
        (b'{"type":"a"}\x1e{"type":"b"}\x1e', ["a", "b"]),
        (STOMP % b"a", ["a"]),
        (STOMP % b"a" + b"\n" + STOMP % b"b", ["a", "b"]),
        (json.dumps('{"type":"a"}').encode(), ["a"]),
    ],
)
def test_what_ends_messages_or_stands_around_them_is_no_part_of_them(frame, types):
    read = reader(Pointers())
    assert [event.type for event in read(frame)] == types
    if len(types) > 1:
        assert [read(piece)[0].type for piece in split(frame)] == types


def test_pointers_lead_into_a_text_that_is_json():
    read = reader(Pointers(type=("/event",)))
    assert read(b'{"event":"a","data":"{\\"run_id\\":\\"r\\"}"}') == [Reading("a", None, "r", None, None)]
    assert read(b'{"event":"a","data":"{ no JSON"}') == [Reading("a", None, None, None, None)]


def test_pointers_lead_through_arrays_and_odd_keys():
    pointers = Pointers(type=("/0",), owner=("/1/user~1id",), run=("/1/~0run",), thread=("/2/0/t",), sequence=("/3",))
    frame = json.dumps(["chat", {"user/id": "u", "~run": "r"}, [{"t": "t"}], 9]).encode()
    assert reader(pointers)(frame) == [Reading("chat", "u", "r", "t", 9)]


def test_a_pointer_through_what_another_takes_for_a_value():
    read = reader(Pointers(type=("/a", "/a/b")))
    assert read(b'{"a":{"b":"x"}}')[0].type == "x"
    assert read(b'{"a":"y"}')[0].type == "y"


@pytest.mark.parametrize("text", ["\u00b2", "9" * 5_000, "", "\ud800", '{"a":"\ud800'])
def test_a_server_may_send_any_text_for_a_number_or_an_object(text):
    read = reader(Pointers(sequence=("/seq",), run=("/run/id",)))
    assert read(json.dumps({"type": "a", "seq": text, "run": text}).encode()) == [Reading("a", None, None, None, None)]


def test_half_characters_are_replaced_wherever_a_server_sends_them():
    half = json.dumps({"type": "\ud800", "run_id": "\udc00x"})
    assert reader(Pointers())(half.encode()) == [Reading("?", None, "?x", None, None)]
    assert named("\ud800", event="\udfff") == b'{"event":"?","data":"?"}'
    assert shape(half) == "{type=?, run_id}"


def test_a_pointer_begins_with_a_slash():
    with pytest.raises(ValueError, match="begins with a slash"):
        Pointers(type=("type",))


keys = st.sampled_from(["type", "user_id", "run_id", "payload", "data", "x/y", "0"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=4)
    | st.floats(allow_nan=False, allow_infinity=False, width=16),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
pointer = st.lists(keys, min_size=1, max_size=3).map(lambda way: "/" + "/".join(k.replace("/", "~1") for k in way))
ways = st.lists(pointer, min_size=1, max_size=3).map(tuple)


def looked_up(event, pointer):
    for token in pointer[1:].split("/"):
        if isinstance(event, list):
            event = event[0] if token == "0" and event else None
        else:
            event = event.get(token.replace("~1", "/")) if isinstance(event, dict) else None
    return event if type(event) in (str, int) else None


@given(st.dictionaries(keys, values, max_size=5), st.tuples(ways, ways, ways, ways))
@settings(max_examples=300, deadline=None)
def test_reading_is_what_looking_each_pointer_up_gives(event, pointers):
    chosen = Pointers(**dict(zip(PARTS, pointers, strict=False)))
    (found,) = reader(chosen)(json.dumps(event).encode())
    for part, way in zip(PARTS, pointers, strict=False):
        first = next((v for v in (looked_up(event, p) for p in way) if v is not None), None)
        assert getattr(found, part) == (None if first is None else str(first)), part


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 3))
def test_canaries_are_found_anywhere_in_any_case_and_each_once(before, after, times):
    data = before.replace(b"_", b"") + b" ".join([TOKEN, TOKEN.upper()] * times) + after.replace(b"_", b"")
    found = canaries(data)
    assert found == ([TOKEN] if times else [])


def test_what_only_resembles_a_canary_is_none():
    assert canaries(b"ctk_") == canaries(TOKEN[:-1]) == canaries(TOKEN[:20] + b"!" + TOKEN[21:]) == []
    assert canaries(b"ctk_" + TOKEN) == [TOKEN]
