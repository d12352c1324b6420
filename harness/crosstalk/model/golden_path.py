"""The Golden Path as a table-driven automaton over event types.

An expression of event types with postfix `+ * ?`, `|` and parentheses is turned into a regular expression over one
character an event type: the alphabet is the table, the standard library's matcher the automaton. Event types outside
the alphabet are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"\s*(?:([A-Za-z_][\w.-]*)|([()|*+?]))")


@dataclass(frozen=True, slots=True)
class Grammar:
    """`alphabet` maps each event type to its letter."""

    expression: str
    alphabet: dict[str, str]
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, expression: str) -> Grammar:
        """Compile `expression`; raises ValueError saying where it goes wrong."""
        alphabet: dict[str, str] = {}
        parts: list[str] = []
        position = 0
        text = expression.rstrip()
        while position < len(text):
            match = _WORD.match(text, position)
            if match is None:
                raise ValueError(
                    f"the grammar has an unexpected {text[position]!r} at position {position}: {expression!r}"
                )
            word, sign = match.groups()
            if word:
                parts.append(alphabet.setdefault(word, chr(0xE000 + len(alphabet))))
            else:
                parts.append("(?:" if sign == "(" else sign)
            position = match.end()
        try:
            return cls(expression, alphabet, re.compile("".join(parts)))
        except re.error as error:
            raise ValueError(f"the grammar {expression!r} is not well formed: {error.msg}") from None

    def accepts(self, types: Iterable[str]) -> bool:
        """Whether `types`, those outside the alphabet ignored, is a whole word of the grammar."""
        alphabet = self.alphabet
        return self.pattern.fullmatch("".join(alphabet[t] for t in types if t in alphabet)) is not None


GOLDEN_PATH = Grammar.parse(
    "agent_started agent_thinking+ (tool_executing agent_thinking* tool_completed agent_thinking*)* agent_completed"
)
