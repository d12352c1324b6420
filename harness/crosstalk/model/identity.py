"""User ids that tempt an implementation to confuse them.

A family is a group of distinct ids that some normalisation, pattern or conversion makes equal.
"""

from __future__ import annotations

ID_FAMILIES: dict[str, tuple[str, ...]] = {
    "plain": ("alice", "bob", "carol", "dave", "erin", "frank"),
    "case": ("alice", "Alice", "ALICE", "aLICE", "alicE"),
    "padding": ("alice", "alice ", " alice", "alice\t", "alice  "),
    "unicode_forms": ("caf\u00e9", "cafe\u0301", "\ufb01n", "fin", "\uff46in"),
    "confusables": ("alice", "\u0430lice", "al\u0456ce", "alic\u0435", "ali\u0441e"),
    "digits": ("1", "01", "+1", "1.0", "-1", "001"),
    "prefixes": ("user", "user1", "user10", "user1a", "use"),
    "separators": ("a", "a:b", "a/b", "a.b", "a-b", "a_b", "a|b"),
    "globs": ("alice", "*", "al*", "a?ice", "[a]lice"),
    "rooms": ("1", "user:1", "room:user:1", "conn-1", "room:1"),
    "long": tuple("u" * 299 + end for end in "abcde"),
}


def identities(family: str, count: int, turn: int = 0) -> tuple[str, ...]:
    """`count` distinct ids: the family's first, the others from the `turn`-th on, then generated ones.

    Raises ValueError for an unknown family.
    """
    if family not in ID_FAMILIES:
        raise ValueError(f"no id family {family!r}; there are {', '.join(ID_FAMILIES)}")
    first, *others = ID_FAMILIES[family]
    turn %= len(others)
    known = (first, *others[turn:], *others[:turn])
    more = (f"{known[number % len(known)]}{number}x" for number in range(count))
    return tuple(dict.fromkeys((*known, *more)))[:count]
