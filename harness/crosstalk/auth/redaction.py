"""Secrets leave no trace: a `Redactor` knows every secret seen and cleans text and bytes before they are recorded.

A secret is found as it is, and in the forms in which servers and libraries give it back: percent-encoded, JSON, HTML
and Python escapes, base64 and base64url at any of the three alignments (so also inside `Basic` headers and encoded
JSON), hexadecimal. Of a JWT the signature alone counts too; and whatever looks like a JWT is taken out even if nobody
has learnt it. Occurrences that overlap become one `[redacted]`.

How it is quick: forms are kept by their first ANCHOR bytes, and those by their length, so a position of the text costs
one dictionary look-up, and one more for each length of a form that begins so, however many secrets there are (thousands
of users' tokens, which all begin alike); learning one more costs no rebuild.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MARK = "[redacted]"
SHORTEST = 4
"""Characters. What is shorter can't be told from ordinary text."""

_ANCHOR = 4
_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{3,}\.[A-Za-z0-9_-]*")
_JWT_IN_BASE64 = re.compile(rb"ZXlK[A-Za-z0-9_+/-]{24,}={0,2}")


class Redactor:
    """Knows secrets; cleans what might show them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._forms: dict[bytes, dict[int, set[bytes]]] = {}
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """From now on these are taken out. Raises ValueError for one of fewer than SHORTEST characters."""
        for secret in secrets:
            if not secret or secret in self._known:
                continue
            if len(secret) < SHORTEST:
                raise ValueError(f"a secret of {len(secret)} characters is too short to be kept out of reports")
            self._known.add(secret)
            for form in forms(secret):
                anchor, length = form[:_ANCHOR], len(form)
                lengths = self._forms.setdefault(anchor, {})
                if length not in lengths:
                    lengths[length] = set()
                    self._forms[anchor] = dict(sorted(lengths.items(), reverse=True))
                lengths[length].add(form)

    def data(self, data: bytes) -> bytes:
        """`data` without secrets."""
        spans = self._spans(data)
        if not spans:
            return data
        pieces, at = [], 0
        for start, end in _merged(spans):
            pieces += [data[at:start], MARK.encode()]
            at = end
        pieces.append(data[at:])
        return b"".join(pieces)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        raw = text.encode("utf-8", "surrogatepass")
        cleaned = self.data(raw)
        return text if cleaned is raw else cleaned.decode("utf-8", "surrogatepass")

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        spans = [found.span() for pattern in (_JWT, _JWT_IN_BASE64) for found in pattern.finditer(data)]
        known = self._forms
        if known:
            for at in range(len(data) - _ANCHOR + 1):
                anchored = known.get(data[at : at + _ANCHOR])
                if anchored is not None:
                    for length, alike in anchored.items():  # the longest first
                        if data[at : at + length] in alike:
                            spans.append((at, at + length))
                            break
        return spans


def forms(secret: str) -> set[bytes]:
    """Every form in which `secret` is looked for; none shorter than SHORTEST bytes."""
    raw = secret.encode("utf-8", "surrogatepass")
    percent = quote(raw, safe="")
    escaped = json.dumps(secret)[1:-1]
    texts = {
        secret,
        percent,
        re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), percent),
        quote(raw, safe="/"),
        quote_plus(raw),
        escaped,
        escaped.replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        raw.hex(),
        raw.hex().upper(),
    }
    found = {text.encode("utf-8", "surrogatepass") for text in texts} | _in_base64(raw)
    parts = secret.split(".")
    if len(parts) == 3 and secret.startswith("eyJ") and len(parts[2]) >= 16:
        found.add(parts[2].encode())
    return {form for form in found if len(form) >= SHORTEST}


def _in_base64(raw: bytes) -> set[bytes]:
    """What of base64 text depends on `raw` alone, for each place that it may begin at within three bytes."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        first = (before * 8 + 5) // 6  # the first letter with no bit of what stands before
        last = (before + len(raw)) * 8 // 6  # letters up to here have no bit of what comes after
        core = encoded[first:last]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    found |= {base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")}
    # a core of a few letters would be found in ordinary text
    return {form for form in found if len(form) >= 6}


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
