"""The shape of a frame: equal for frames that differ in ids, numbers and prose, another for another kind."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstalk.auth.knock import shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"type": "agent_started", "run_id": "a1", "text": "one"},
            {"type": "agent_started", "run_id": "b", "text": ""},
        ),
        ({"type": "welcome alice"}, {"type": "welcome bob"}),
        ({"type": "tick", "time": 1.5}, {"time": 7, "type": "tick"}),
        ({"code": 17, "data": []}, {"code": 4, "data": {}}),
        (["42", "x"], ["17", "y"]),
        (5, 6),
    ],
)
def test_equal(one, other):
    assert shape(json.dumps(one), ("alice",)) == shape(json.dumps(other), ("bob",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "agent_started"}, {"type": "error"}),
        ({"type": "message", "text": "x"}, {"type": "message", "error": "x"}),
        ({"ok": True}, {"ok": False}),
        ({"status": "ok"}, {"status": "unauthorized"}),
        (["message"], ["error"]),
        ({}, []),
    ],
)
def test_different(one, other):
    assert shape(json.dumps(one)) != shape(json.dumps(other))


def test_text_is_told_apart_by_its_words():
    assert shape("hello alice, it is 12:01", ("alice",)) == shape("hello bob, it is 9:15", ("bob",))
    assert shape("hello alice", ("alice",)) != shape("who are you?", ("alice",))
    assert shape(b"\x00") == shape(b"\xff\xfe") == "binary"


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_every_frame_has_one(frame):
    assert isinstance(shape(frame, ("alice",)), str)


def test_json_that_is_too_deep_or_too_long():
    assert shape("[" * 100_000).startswith("text ")
    assert shape("9" * 5_000).startswith("text ")
