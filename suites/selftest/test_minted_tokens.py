"""Tokens made here, verified by another library (PyJWT), as a server would."""

import asyncio
import json

import jwt as pyjwt
import pytest
from joserfc import jwk

from crosstalk.auth.claims import filled
from crosstalk.auth.minted import KeyUnusable, Minted, key_for

RSA = jwk.RSAKey.generate_key(2048)
EC = jwk.ECKey.generate_key("P-256")
SECRET = "a shared secret of sixty-four bytes, as SHA-512 would have it to be safe"


def pem(key, private=True):
    return key.as_pem(private=private).decode()


def minted(algorithm, **given):
    text = SECRET if algorithm.startswith("HS") else pem(RSA if algorithm[0] in "RP" else EC)
    return Minted(key_for(algorithm, text, "the test"), algorithm, **given)


def issue(source, user="alice"):
    return asyncio.run(source.issue(user))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256"])
def test_another_library_verifies_it(algorithm):
    token = issue(minted(algorithm, claims={"aud": "chat", "env": "staging", "name": "I am {user}"}, lifetime=60))
    public = SECRET if algorithm.startswith("HS") else pem(RSA if algorithm[0] in "RP" else EC, private=False)
    claims = pyjwt.decode(token.value, public, algorithms=[algorithm], audience="chat", issuer="crosstalk")
    assert claims["sub"] == "alice" and claims["env"] == "staging" and claims["name"] == "I am alice"
    assert claims["exp"] - claims["iat"] == 60 and claims["exp"] == token.expires
    assert pyjwt.get_unverified_header(token.value) == {"alg": algorithm, "typ": "JWT"}


def test_every_token_is_another():
    source = minted("HS256")
    ids = {pyjwt.decode(issue(source).value, SECRET, algorithms=["HS256"])["jti"] for _ in range(5)}
    assert len(ids) == 5


def test_a_token_expires_in_the_middle_of_a_run_and_its_renewal_does_not():
    now = [1_000_000.0]
    source = minted("HS256", lifetime=30, clock=lambda: now[0])
    first = issue(source)
    now[0] += 31
    assert first.expires is not None and first.expires < now[0]
    renewed = asyncio.run(source.renew("alice", first))
    assert renewed.expires == pytest.approx(now[0] + 30, abs=1)


def test_the_claims_are_a_template():
    claims = filled(
        {"sub": "u-{user}", "iss": None, "nbf": 5, "roles": ["{user}", 1], "org": {"id": "{user}"}}, "b", 0, 9
    )
    assert claims.pop("jti")
    assert claims == {"sub": "u-b", "iat": 0, "exp": 9, "nbf": 5, "roles": ["b", 1], "org": {"id": "b"}}


def test_a_short_secret_is_the_servers_choice():
    token = issue(Minted(key_for("HS256", "short", "the test")))
    with pytest.warns(pyjwt.warnings.InsecureKeyLengthWarning):
        assert pyjwt.decode(token.value, "short", algorithms=["HS256"])["sub"] == "alice"


def test_a_jwk_is_a_key_too():
    text = json.dumps(EC.as_dict(private=True))
    token = issue(Minted(key_for("ES256", text, "the test"), "ES256"))
    assert pyjwt.decode(token.value, pem(EC, private=False), algorithms=["ES256"])["sub"] == "alice"


@pytest.mark.parametrize(
    ("algorithm", "text", "says"),
    [
        ("none", SECRET, "'none' is no algorithm of ours"),
        ("HS1", SECRET, "'HS1' is no algorithm of ours"),
        ("RS256", SECRET, "can't be read as a key for RS256"),
        ("RS256", pem(EC), "the test"),
        ("ES256", pem(RSA, private=False), "the test"),
        ("RS256", pem(RSA, private=False), "is a public key"),
        ("ES256", "{}", "can't be read as a key"),
    ],
)
def test_a_key_that_does_not_go_is_said_without_showing_it(algorithm, text, says):
    with pytest.raises(KeyUnusable) as raised:
        key_for(algorithm, text, "the test")
    assert says in str(raised.value)
    assert SECRET not in str(raised.value) and "BEGIN" not in str(raised.value)


def test_the_public_key_is_what_the_server_has():
    assert minted("RS256").public_pem == RSA.as_pem(private=False)
    assert minted("HS256").public_pem == b""
