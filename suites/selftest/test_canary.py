"""Canaries say whose they are, and cannot be made up."""

from crosstalk.model.canary import TOKEN, Canary, mint, read

KEY = b"k" * 16


def test_a_token_says_what_was_minted():
    canary = Canary(7, 3, 2, 99)
    token = mint(KEY, canary)
    assert read(KEY, token) == canary
    assert TOKEN.findall(f'<a href="{token}">{token}x'.encode()) == [token.encode()] * 2


def test_a_changed_token_and_a_strange_key_are_refused():
    token = mint(KEY, Canary(7, 3, 2, 99))
    assert read(b"another key.....", token) is None
    changed = token[:10] + ("0" if token[10] != "0" else "1") + token[11:]
    assert read(KEY, changed) is None


def test_all_tokens_have_one_length():
    lengths = {len(mint(KEY, Canary(r, o, 1, s))) for r, o, s in ((0, 0, 0), (2**32 - 1, 2**32 - 1, 2**32 - 1))}
    assert lengths == {48}
