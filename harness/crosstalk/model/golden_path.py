"""The Golden Path as a table-driven automaton over event types.

An expression of event types with postfix `+ * ?`, `|` and parentheses becomes one table: a row a state, in it the next
state for each event type. Event types outside the expression's alphabet are ignored.

The positions of the expression are the states of an automaton (Glushkov 1961), which subsets make deterministic.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WORD = re.compile(r"\s*(?:([A-Za-z_][\w.:/-]*)|([()|*+?]))")
STATES = 1_000
LENGTH = 500
DEPTH = 50


@dataclass(frozen=True)
class Grammar:
    """`table[state]` maps the event types allowed there to the next state; state 0 is the start."""

    expression: str
    table: tuple[dict[str, int], ...]
    accepting: frozenset[int]
    alphabet: frozenset[str]

    @classmethod
    def parse(cls, expression: str) -> Grammar:
        """Compile `expression`; raises ValueError saying where it goes wrong."""
        return _compiled(expression)

    @functools.cached_property
    def finals(self) -> frozenset[str]:
        """The event types that a run may end with."""
        return frozenset(type_ for row in self.table for type_, after in row.items() if after in self.accepting)

    def accepts(self, types: Iterable[str]) -> bool:
        """Whether `types`, those outside the alphabet ignored, is a whole word of the grammar."""
        return self.departure(types) is None

    def departure(self, types: Iterable[str]) -> str | None:
        """Where `types` leaves the grammar, and what was due there; None for a whole word."""
        state = 0
        before = "at the start"
        for type_ in types:
            if type_ not in self.alphabet:
                continue
            due = self.table[state]
            if type_ not in due:
                return f"{before} came {type_} where {self._due(state)} was due"
            state, before = due[type_], f"after {type_}"
        return None if state in self.accepting else f"{before} came nothing more where {self._due(state)} was due"

    def _due(self, state: int) -> str:
        names = [*self.table[state], *(["the end"] if state in self.accepting else [])]
        return " or ".join(names)

    def words(self) -> tuple[tuple[str, ...], ...]:
        """The shortest word that is not empty, and the shortest further ones that use every event type between them."""
        home = self._ways_home()
        words = [min((way for way in self._through(home)), key=len)]
        for type_ in dict.fromkeys(t for row in self.table for t in row):
            if not any(type_ in word for word in words):
                words.append(min((way for way in self._through(home, type_)), key=len))
        return tuple(words)

    def spoiling(self, word: tuple[str, ...]) -> tuple[str, str] | None:
        """An event type of `word` and another: `word` with the one for the other is no word. None if there is none."""
        for before in dict.fromkeys(reversed(word)):
            for after in (*dict.fromkeys(word), "of_no_grammar"):
                if not self.accepts(after if type_ == before else type_ for type_ in word):
                    return before, after
        return None

    def _ways_home(self) -> dict[int, tuple[str, ...]]:
        """The shortest way from each state to an accepting one."""
        home: dict[int, tuple[str, ...]] = dict.fromkeys(self.accepting, ())
        while True:
            found = {
                state: (type_, *home[after])
                for state, row in enumerate(self.table)
                if state not in home
                for type_, after in row.items()
                if after in home
            }
            if not found:
                return home
            home.update(found)

    def _through(self, home: dict[int, tuple[str, ...]], wanted: str | None = None) -> Iterator[tuple[str, ...]]:
        """For each transition of `wanted` (of any event type without it), the shortest word that takes it."""
        reached: dict[int, tuple[str, ...]] = {0: ()}
        queue = [0]
        for state in queue:
            for type_, after in self.table[state].items():
                if wanted is None or type_ == wanted:
                    yield (*reached[state], type_, *home[after])
                if after not in reached:
                    reached[after] = (*reached[state], type_)
                    queue.append(after)


@dataclass(slots=True)
class _Part:
    """A part of the expression: whether it may be empty, and the positions it can begin and end with."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


class _Reader:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.types: list[str] = []
        self.follow: list[set[int]] = []
        self.tokens = list(self._tokens(expression.rstrip()))
        self.at = 0
        self.depth = 0

    def wrong(self, what: str) -> ValueError:
        shown = self.expression if len(self.expression) <= 200 else self.expression[:200] + "…"
        return ValueError(f"the grammar {what}: {shown!r}")

    def _tokens(self, text: str) -> Iterator[tuple[str, bool, int]]:
        position = 0
        while position < len(text):
            match = _WORD.match(text, position)
            if match is None:
                at = len(text) - len(text[position:].lstrip())
                raise self.wrong(f"has an unexpected {text[at]!r} at position {at}")
            yield match[1] or match[2], match[1] is not None, match.start(match.lastindex or 0)
            position = match.end()

    def _sign(self) -> str:
        """The next token if it is a sign, else nothing."""
        return "" if self.at >= len(self.tokens) or self.tokens[self.at][1] else self.tokens[self.at][0]

    def whole(self) -> _Part:
        if not self.tokens:
            raise self.wrong("has no event types")
        part = self.choice()
        if self.at < len(self.tokens):
            raise self.wrong(f"has an unexpected ')' at position {self.tokens[self.at][2]}")
        return part

    def choice(self) -> _Part:
        part = self.sequence()
        while self._sign() == "|":
            self.at += 1
            other = self.sequence()
            part = _Part(part.empty or other.empty, part.first | other.first, part.last | other.last)
        return part

    def sequence(self) -> _Part:
        part = _Part(True, frozenset(), frozenset())
        begun = self.at
        while self.at < len(self.tokens) and self._sign() not in ("|", ")"):
            after = self.repeated()
            for position in part.last:
                self.follow[position] |= after.first
            part = _Part(
                part.empty and after.empty,
                part.first | after.first if part.empty else part.first,
                part.last | after.last if after.empty else after.last,
            )
        if self.at == begun:
            where = f"before position {self.tokens[self.at][2]}" if self.at < len(self.tokens) else "at its end"
            raise self.wrong(f"lacks an event type {where}")
        return part

    def repeated(self) -> _Part:
        part = self.single()
        while (sign := self._sign()) in ("*", "+", "?") and sign:
            self.at += 1
            if sign != "?":
                for position in part.last:
                    self.follow[position] |= part.first
            part = _Part(part.empty or sign != "+", part.first, part.last)
        return part

    def single(self) -> _Part:
        token, is_type, position = self.tokens[self.at]
        self.at += 1
        if is_type:
            if len(self.types) >= LENGTH:
                raise self.wrong(f"has more than {LENGTH} event types")
            self.types.append(token)
            self.follow.append(set())
            only = frozenset([len(self.types) - 1])
            return _Part(False, only, only)
        if token != "(":
            raise self.wrong(f"has nothing to repeat before the {token!r} at position {position}")
        self.depth += 1
        if self.depth > DEPTH:
            raise self.wrong(f"has more than {DEPTH} parentheses inside one another")
        part = self.choice()
        if self._sign() != ")":
            raise self.wrong(f"has no ')' for the '(' at position {position}")
        self.at += 1
        self.depth -= 1
        return part


@functools.lru_cache(64)
def _compiled(expression: str) -> Grammar:
    reader = _Reader(expression)
    whole = reader.whole()
    start: frozenset[int] = frozenset([-1])
    numbers = {start: 0}
    table: list[dict[str, int]] = []
    accepting = set()
    for state in (states := [start]):
        row: dict[str, set[int]] = {}
        for position in sorted(set().union(*(whole.first if p < 0 else reader.follow[p] for p in state))):
            row.setdefault(reader.types[position], set()).add(position)
        for after in map(frozenset, row.values()):
            if after not in numbers:
                numbers[after] = len(states)
                states.append(after)
        if len(states) > STATES:
            raise reader.wrong(f"needs more than {STATES} states; make its choices differ earlier")
        table.append({type_: numbers[frozenset(after)] for type_, after in row.items()})
        if state & whole.last or (whole.empty and state == start):
            accepting.add(numbers[state])
    grammar = Grammar(expression, tuple(table), frozenset(accepting), frozenset(reader.types))
    if grammar.spoiling(grammar.words()[-1]) is None:
        raise reader.wrong("allows a run to lose or change any of its events, so that nothing could break it")
    return grammar


DEFAULT = (
    "agent_started agent_thinking+ (tool_executing agent_thinking* tool_completed agent_thinking*)* agent_completed"
)
GOLDEN_PATH = Grammar.parse(DEFAULT)
