"""No secret survives cleaning, in any form in which servers give it back; and nothing else is touched."""

import base64
import html
import json
import re
import time
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crosstalk.auth.redaction import MARK, SHORTEST, Redactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)

WHOLE = {
    "as it is": lambda s: s,
    "percent": lambda s: quote(s, safe=""),
    "percent, small letters": lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s, safe="")),
    "form": quote_plus,
    "query": lambda s: urlencode({"token": s}),
    "JSON": json.dumps,
    "JSON, not ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "HTML": html.escape,
    "repr": repr,
    "hex": lambda s: s.encode().hex(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64url without padding": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
}


def left(cleaned: str) -> list[str]:
    return cleaned.split(MARK)


@pytest.mark.parametrize("form", WHOLE)
@given(secret=secrets, before=texts, after=texts)
def test_no_form_of_a_secret_survives(form, secret, before, after):
    written = WHOLE[form](secret)
    core = written.strip("'\"").rstrip("=")
    core = core.removeprefix("token=")
    assume(core not in before and core not in after)
    cleaned = Redactor([secret]).text(before + written + after)
    assert not any(core in piece for piece in left(cleaned))


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40), name=st.text("ab", max_size=5)
)
def test_inside_basic_authentication(secret, name):
    header = base64.b64encode(f"{name}:{secret}".encode()).decode()
    cleaned = Redactor([secret]).text(f"Authorization: Basic {header}")
    assert MARK in cleaned
    # what can still be decoded of it, at any place, has no six bytes in a row of the secret
    raw = secret.encode()
    for piece in left(cleaned.removeprefix("Authorization: Basic ")):
        for start in range(4):
            letters = piece[start:].rstrip("=")
            decoded = base64.b64decode(letters[: len(letters) // 4 * 4])
            assert not any(raw[i : i + 6] in decoded for i in range(len(raw) - 5))


@given(st.lists(secrets, max_size=5), texts)
@example(["abcdef", "defghi"], "abcdefghi")
@example(["aaaa", "aaaab"], "aaaaaab")
def test_many_secrets_that_overlap(known, text):
    whole = text + "".join(known) + text
    cleaned = Redactor(known).text(whole)
    assert not any(secret in piece for secret in known for piece in left(cleaned))


def test_overlapping_secrets_leave_no_tail():
    assert Redactor(["abcdef", "defghi"]).text("x abcdefghi y") == f"x {MARK} y"


@given(secrets, st.binary(max_size=60), st.binary(max_size=60))
def test_bytes_that_are_no_text(secret, before, after):
    raw = secret.encode()
    assume(raw not in before + after)
    assert not any(raw in piece for piece in Redactor([secret]).data(before + raw + after).split(MARK.encode()))


@given(secrets, texts)
def test_ordinary_text_is_left_alone(secret, text):
    redactor = Redactor([secret])
    cleaned = redactor.text(text)
    if MARK not in cleaned:
        assert cleaned == text


def test_near_misses_are_no_secrets():
    redactor = Redactor(["hunter22"])
    for text in ("hunter2", "HUNTER22", "hunter 22", "the hunter of 22 deer", "eyJ is no token", "a.b.c"):
        assert redactor.text(text) == text


def test_the_signature_of_a_token_alone():
    signature = JWT.rpartition(".")[2]
    assert Redactor([JWT]).text(f"signature {signature}!") == f"signature {MARK}!"


def test_a_token_nobody_learnt():
    assert Redactor().text(f'{{"token":"{JWT}"}}') == f'{{"token":"{MARK}"}}'
    encoded = base64.urlsafe_b64encode(JWT.encode()).decode().rstrip("=")
    assert Redactor().text(f"jwt.{encoded}, jwt-auth") == f"jwt.{MARK}, jwt-auth"
    assert Redactor().text(JWT.rpartition(".")[0] + ". unsigned") == f"{MARK} unsigned"


def test_what_is_too_short_is_refused_and_not_shown():
    with pytest.raises(ValueError, match="a secret of 3 characters is too short") as raised:
        Redactor(["abc"])
    assert "'abc'" not in str(raised.value)
    Redactor([""]).learn("")  # no secret at all


def test_thousands_of_secrets_cost_no_more_than_one():
    import secrets as generator

    def seconds(redactor: Redactor) -> float:
        frame = json.dumps({"type": "partial_result", "payload": "word " * 100}).encode()
        best = 1e9
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(20):
                redactor.data(frame)
            best = min(best, time.perf_counter() - began)
        return best

    few, many = Redactor([generator.token_urlsafe(32)]), Redactor(generator.token_urlsafe(32) for _ in range(2000))
    assert seconds(many) < 5 * seconds(few)


def test_thousands_of_tokens_that_begin_alike_are_learnt_in_no_more_than_linear_time():
    def seconds(count: int) -> float:
        tokens = [JWT.rpartition(".")[0] + f".{number:043}" for number in range(count)]
        began = time.process_time()
        redactor = Redactor(tokens)
        took = time.process_time() - began
        assert redactor.text(f"{tokens[0]} and {tokens[-1]}") == f"{MARK} and {MARK}"
        return took

    few, many = (min(seconds(count) for _ in range(3)) for count in (200, 4_000))
    assert many < 60 * few  # twenty times as many
