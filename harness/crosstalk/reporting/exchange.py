"""Who knocked with what, how that must be answered and how it was: as a small two-lane picture, and in sentences."""

from __future__ import annotations

import textwrap

from markupsafe import Markup

from crosstalk.model.attempt import Exchange
from crosstalk.reporting.legible import legible, name, short
from crosstalk.reporting.picture import arrow, framed
from crosstalk.reporting.rules import rule
from crosstalk.reporting.svg import element

LEFT, RIGHT, WIDE, LINE = 340.0, 700.0, 920.0, 16.0
"""Where the lanes end and begin, how wide all is, how high a line of text."""
MOST = 14
"""Lines of the request."""


def exchange_words(exchange: Exchange) -> list[str]:
    """What happened, in order."""
    who, says = name(exchange.user), legible(exchange.says, 200)
    return [
        f"The same request with good credentials was, just before, {legible(exchange.allowed, 200)}.",
        f"Then {who} knocks with {says}.",
        f"What is expected: {legible(exchange.must, 200)}.",
        f"HERE: The answer: {legible(exchange.answer, 300)}.",
    ]


def exchange_picture(exchange: Exchange, message: str, *, standalone: bool = True) -> Markup:
    """One `<svg>` element; not `standalone` it leaves `picture.STYLE` to the page around it."""
    y = 62.0
    drawn: list[Markup] = []
    for text, to_server in (("the same request, good credentials", True), (exchange.allowed, False)):
        y = _told(drawn, text, y, to_server, "sent", "head")
    y += 10
    drawn.append(element("line", class_="rule", x1=8.0, x2=WIDE - 8, y1=y, y2=y))
    drawn.append(element("text", "just after that", class_="soft halo out", x=16.0, y=y - 4))
    y += 22
    lines = [
        line
        for text in exchange.request
        for line in textwrap.wrap(legible(text, 2_000), 48, break_on_hyphens=False) or [""]
    ]
    if len(lines) > MOST:
        lines = [*lines[: MOST - 1], f"... {len(lines) - MOST + 1} more lines, below as text"]
    for number, line in enumerate(lines):
        drawn.append(element("text", line, class_="soft", x=20.0, y=y + LINE * number))
    y = _told(drawn, exchange.says, max(y, y + LINE * (len(lines) - 3)), True, "sent", "head")
    y = _told(drawn, f"expected: {exchange.must}", y, False, "call never", "")
    y = _told(drawn, f"✕ {exchange.answer}", y, False, "red", "redhead")
    end = y + 4
    below = textwrap.wrap(legible(message, 400), 120)
    told = [(line, "redtext") for line in below]
    told += [(line, "soft") for line in textwrap.wrap(f"Rule broken (authentication): {rule('authentication')}", 130)]
    for number, (line, kind) in enumerate(told):
        drawn.append(element("text", line, class_=kind, x=12.0, y=end + 26 + LINE * number))
    lanes = [element("rect", class_="paper", width="100%", height="100%")]
    for x, wide, who in ((8.0, LEFT - 8, name(exchange.user)), (RIGHT, WIDE - RIGHT - 8, "the server")):
        lanes.append(element("rect", class_="lane", x=x, y=8.0, width=wide, height=end - 8, rx=6.0))
        lanes.append(element("text", short(who, 40), class_="who", x=x + 12, y=30.0))
    high = end + 34 + LINE * len(told)
    return framed([*lanes, *drawn], WIDE, high, message, " ".join(exchange_words(exchange)), standalone)


def _told(drawn: list[Markup], text: str, y: float, to_server: bool, line: str, head: str) -> float:
    """An arrow with its words above it; where the next may begin."""
    red = "redtext halo out" if line == "red" else "halo out"
    lines = textwrap.wrap(legible(text, 300), 50, max_lines=4, placeholder=" ...")
    for number, words in enumerate(lines):
        drawn.append(element("text", words, class_=red, x=LEFT + 18, y=y + LINE * number))
    y += LINE * (len(lines) - 1) + 10
    ends = ((LEFT, y), (RIGHT - 8, y)) if to_server else ((RIGHT, y), (LEFT + 8, y))
    drawn += arrow(*ends, line, head, 9.0 if line == "red" else 6.0 * bool(head))
    return y + 26
