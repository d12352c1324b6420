"""An audit as a table for a terminal, as SARIF 2.1.0 for code review tools, and as a picture.

The picture is Mermaid's text, which many viewers of Markdown draw, or SVG drawn here: who delegates to whom, from entry
points on the left to real implementations on the right.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import Any

from crosstalk.consolidation.audit.roles import RULES, Audit, Found
from crosstalk.reporting.sarif_log import location, log

_TITLES = {
    "real": ("real implementation", "real implementations"),
    "adapter": ("adapter, which delegates", "adapters, which delegate"),
    "entry": ("entry point, which calls them", "entry points, which call them"),
}


def table(audit: Audit) -> str:
    lines = []
    for role, titles in _TITLES.items():
        found = audit.of(role)
        lines.append(f"{len(found)} {titles[len(found) != 1]}")
        for one in found:
            lines.append(
                f"  {one.path}:{one.line}  {one.id}" + (f"  -> {', '.join(one.delegates)}" * bool(one.delegates))
            )
        lines.append("")
    made = (
        ("module-level instance", "module-level instances", audit.instances),
        ("factory", "factories", audit.factories),
    )
    for single, several, items in made:
        if items:
            lines += [f"{len(items)} {several if len(items) > 1 else single}", *(f"  {item}" for item in items), ""]
    remarks: dict[str, list[str]] = defaultdict(list)
    for remark in audit.remarks:
        if remark.rule != "second-implementation":
            remarks[remark.rule].append(f"  {remark.path}:{remark.line}  {remark.text}")
    for rule, texts in remarks.items():
        lines += [f"{len(texts)} x {RULES[rule].lower()}", *texts, ""]
    lines += [*audit.skipped, f"read {audit.files} files below {audit.root}; nothing was imported or run"]
    return "\n".join(lines)


def sarif(audit: Audit) -> dict[str, Any]:
    """The remarks as a SARIF log; paths are relative to the audited tree."""
    ids = list(RULES)
    return log(
        "crosstalk audit",
        [{"id": id_, "shortDescription": {"text": text}} for id_, text in RULES.items()],
        [
            {
                "ruleId": remark.rule,
                "ruleIndex": ids.index(remark.rule),
                "level": "warning",
                "message": {"text": remark.text},
                "locations": [location(remark.path, remark.line)],
            }
            for remark in audit.remarks
        ],
    )


def mermaid(audit: Audit) -> str:
    number = {one.id: f"n{index}" for index, one in enumerate(audit.found)}
    lines = ["flowchart LR"]
    for one in audit.found:
        text = one.id.replace('"', "'")
        shapes = {"real": f'[["{text}"]]', "adapter": f'("{text}")', "entry": f'>"{text}"]'}
        lines.append(f"  {number[one.id]}{shapes[one.role]}")
    lines += [f"  {number[one.id]} --> {number[to]}" for one in audit.found for to in one.delegates if to in number]
    lines += ["  classDef real stroke-width:3px"]
    real = ",".join(number[one.id] for one in audit.of("real"))
    return "\n".join((*lines, *([f"  class {real} real"] if real else [])))


_WIDTH, _ROW, _LETTER = 380, 34, 6.6
_FILLS = {"real": "#cfe8cf", "adapter": "#dfe7f5", "entry": "#f2f2f2"}


def svg(audit: Audit) -> str:
    """Entry points, adapters (in as many columns as delegation is deep) and real implementations, left to right."""
    columns = _columns(audit.found)
    places: dict[str, tuple[float, float]] = {}
    for index, ids in enumerate(columns):
        for row, id_ in enumerate(ids):
            places[id_] = (20 + index * (_WIDTH + 60), 30 + row * (_ROW + 12))
    width = 40 + len(columns) * (_WIDTH + 60)
    height = 50 + max((len(ids) for ids in columns), default=0) * (_ROW + 12)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="monospace" font-size="11" role="img" aria-label="Who delegates to whom">',
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
    ]
    for one in audit.found:
        for to in one.delegates:
            if to in places:
                parts.append(_arrow(places[one.id], places[to]))
    for one in audit.found:
        x, y = places[one.id]
        thick = 2.5 if one.role == "real" else 1
        shown = one.id if len(one.id) * _LETTER < _WIDTH - 16 else f"...{one.id[-int((_WIDTH - 40) / _LETTER) :]}"
        parts.append(
            f"<g><title>{escape(f'{one.role}: {one.id} ({one.path}:{one.line})')}</title>"
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_ROW}" rx="5" fill="{_FILLS[one.role]}" stroke="#333" '
            f'stroke-width="{thick}"/><text x="{x + 8}" y="{y + 21}">{escape(shown)}</text></g>'
        )
    return "\n".join((*parts, "</svg>"))


def _columns(found: tuple[Found, ...]) -> list[list[str]]:
    """Ids by how many delegations lie between them and the end, farthest first."""
    known = {one.id: one for one in found}
    depth = {one.id: 0 for one in found}
    for _ in range(min(len(found), 12)):  # a circle ends here
        for one in found:
            below = [depth[to] for to in one.delegates if to in known and to != one.id]
            if below and one.role != "real":
                depth[one.id] = min(max(below) + 1, 11)
    deepest = max(depth.values(), default=0)
    return [[one.id for one in found if depth[one.id] == deepest - index] for index in range(deepest + 1)]


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + _WIDTH, start[1] + _ROW / 2
    x2, y2 = end[0], end[1] + _ROW / 2
    bend = 50 if x2 > x1 else 90
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" stroke="#555" '
        'marker-end="url(#to)"/>'
    )
