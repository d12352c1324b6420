"""Small plots in static SVG, with their figures written out: growth, bars, a histogram, a heat map.

Each leaves STYLE to the page around it, unless it is `alone`.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from markupsafe import Markup

from crosstalk.model.live_figures import Limit, Percentiles
from crosstalk.model.waits import BOUNDS, HeatMap
from crosstalk.reporting.legible import name, short
from crosstalk.reporting.svg import element

STYLE = """
.plot{--paper:#fff;--ink:#1b1f24;--soft:#56606b;--grid:#d5dbe1;--bar:#0b62a4;--red:#b3101d;max-width:100%;height:auto;
font:12px ui-sans-serif,system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.plot text{fill:var(--ink)}.plot .grid{stroke:var(--grid)}.plot .line{fill:none;stroke:var(--bar);stroke-width:2}
.plot .bar{fill:var(--bar)}.plot .dot{fill:none;stroke:var(--bar);stroke-width:1.5}
.plot .tick,.plot .mark{stroke:var(--soft)}
.plot .mark{stroke-dasharray:2 2}.plot .one{stroke:var(--ink)}.plot .limit{stroke:var(--red);stroke-width:2.5}
.plot .beyond{fill:none;stroke:var(--red);stroke-width:2}.plot .paper{fill:var(--paper)}
.plot .wrong{fill:var(--red);font-weight:700;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
@media (prefers-color-scheme:dark){.plot{--paper:#14181d;--ink:#eef1f4;--soft:#a5b0bb;--grid:#3a444f;--bar:#7cbcf2;
--red:#ff7b7b}}
@media print{.plot{--paper:#fff;--ink:#000;--soft:#444;--grid:#bbb;--bar:#0b62a4;--red:#b3101d}}
"""


def growth(points: Sequence[tuple[float, int]], total: float, what: str, unit: str = "s") -> Markup:
    """A step line of a count over time. The figures at its ends are written out; the shape is in the words too."""
    width, height, left, low = 560.0, 170.0, 46.0, 140.0
    most = max((count for _, count in points), default=0) or 1
    end = max([total, *(at for at, _ in points)]) or 1.0

    def x(at: float) -> float:
        return left + (width - left - 14) * at / end

    def y(count: float) -> float:
        return low - (low - 22) * count / most

    path, before = f"M{x(0):.1f},{y(0):.1f}", y(0)
    for at, count in points:
        path += f"L{x(at):.1f},{before:.1f}L{x(at):.1f},{y(count):.1f}"
        before = y(count)
    path += f"L{x(end):.1f},{before:.1f}"
    half = next((at for at, count in points if count * 2 >= most), 0.0)
    said = f"{most:,} {what}; half of them were reached after {half:.2g} {unit} of {end:.3g} {unit}"
    drawn = [
        element("title", said),
        *(element("line", class_="grid", x1=left, x2=width - 14, y1=y(most * p), y2=y(most * p)) for p in (0, 0.5, 1)),
        *(element("text", f"{most * p:,.0f}", x=left - 6, y=y(most * p) + 4, text_anchor="end") for p in (0, 0.5, 1)),
        element("path", class_="line", d=path),
        element("text", "0", x=left, y=low + 18),
        element("text", f"{end:.3g} {unit}", x=width - 14, y=low + 18, text_anchor="end"),
        element("text", said, x=left, y=12.0),
    ]
    return _plot(drawn, width, height)


def bars(counts: Mapping[str, float], what: str, form: str = "{:,.0f}") -> Markup:
    """A bar for each name, its figure beside it."""
    width, left, row = 560.0, 130.0, 24.0
    most = max(counts.values(), default=0) or 1
    drawn: list[Markup] = [
        element("title", f"{what}: " + ", ".join(f"{k} {form.format(v)}" for k, v in counts.items()))
    ]
    for number, (label, count) in enumerate(counts.items()):
        y = 6 + row * number
        long = (width - left - 96) * count / most
        drawn += [
            element("text", short(label, 18), x=left - 8, y=y + 14, text_anchor="end"),
            element("rect", class_="bar", x=left, y=y + 2, width=max(long, 1.0), height=row - 8),
            element("text", form.format(count), x=left + long + 6, y=y + 14),
        ]
    return _plot(drawn, width, 12 + row * len(counts))


def readings(points: Sequence[tuple[float, float]], judged: float, what: str) -> Markup:
    """What was read, by how many had gone: a dot a reading, hollow before the last `judged` of them."""
    width, height, left, low = 560.0, 170.0, 100.0, 140.0
    most, least = max(value for _, value in points), min(value for _, value in points)
    spread, end = (most - least) or abs(most) or 1.0, max(at for at, _ in points) or 1.0
    first, last = points[0][1], points[-1][1]
    said = f"{what}: from {amount(first)} to {amount(last)}"
    drawn = [element("title", said), element("text", said, x=8.0, y=12.0)]
    for share in (0, 0.5, 1):
        y, value = low - (low - 26) * share, most - (most - least) * (1 - share)
        drawn.append(element("line", class_="grid", x1=left, x2=width - 14, y1=y, y2=y))
        if share != 0.5 or most > least:
            drawn.append(element("text", amount(value), x=left - 6, y=y + 4, text_anchor="end"))
    for at, value in points:
        x, y = left + (width - left - 20) * at / end, low - (low - 26) * (value - least) / spread
        kind = "bar" if at > end - judged else "dot"
        drawn.append(element("circle", class_=kind, cx=round(x, 1), cy=round(y, 1), r=4.0))
    drawn.append(element("text", "0", x=left, y=low + 18))
    drawn.append(element("text", f"{end:,.0f} users", x=width - 14, y=low + 18, text_anchor="end"))
    return _plot(drawn, width, height)


def amount(value: float) -> str:
    """Three digits are enough of a small number; a large one is written out."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def milliseconds(seconds: float) -> str:
    """Three digits are enough."""
    return f"{seconds * 1e3:,.0f} ms" if seconds >= 0.1 else f"{seconds * 1e3:.3g} ms"


def beyond_words(times: Percentiles, limit: Limit) -> str:
    """The share that took longer than is allowed."""
    allowed = f"longer than the limit, {milliseconds(limit.seconds)}; 5% may"
    return f"{limit.beyond:,} of {times.count:,} ({limit.beyond / max(1, times.count):.1%}) took {allowed}"


def histogram(times: Percentiles, limit: Limit | None = None, *, alone: bool = False) -> Markup:
    """How many took how long: a bar a bucket, all of one width; above them, where the percentiles lie.

    A `limit` is a line; bars beyond it are hollow.
    """
    counts = dict(times.buckets)
    ends = [BOUNDS.index(end(counts)) for end in (min, max)]
    if limit is not None:
        place = min(bisect_left(BOUNDS, limit.seconds), len(BOUNDS) - 1)
        ends += [place, min(place + 1, len(BOUNDS) - 1)]
    bounds = BOUNDS[min(ends) : max(ends) + 1]
    marks: dict[int, list[str]] = {}
    for mark, seconds in (("p50", times.p50), ("p95", times.p95), ("p99", times.p99)):
        marks.setdefault(min(bisect_left(bounds, seconds), len(bounds) - 1), []).append(mark)
    width, left, right, top = 560.0, 46.0, 30.0, 14.0 + 14 * len(marks) + 22 * (limit is not None)
    base = top + 124
    step, most = min(40.0, (width - left - right) / len(bounds)), max(counts.values())
    drawn = [
        element("title", f"{times.count:,} measurements"),
        element("desc", ", ".join(f"{count:,} within {milliseconds(bound)}" for bound, count in times.buckets)),
    ]
    for share in (0, 0.5, 1):
        y = base - (base - top) * share
        drawn.append(element("line", class_="grid", x1=left, x2=width - right, y1=y, y2=y))
        drawn.append(element("text", f"{most * share:,.0f}", x=left - 6, y=y + 4, text_anchor="end"))
    for row, (place, names) in enumerate(marks.items()):
        x, y = left + step * (place + 0.5), 12.0 + 14 * row
        drawn.append(element("line", class_="mark", x1=x, x2=x, y1=y + 3, y2=base))
        drawn.append(element("text", ", ".join(names), x=x, y=y, text_anchor="middle"))
    every = math.ceil(56 / step)
    for place, bound in enumerate(bounds):
        x = left + step * place
        if bound in counts:
            long = max(1.0, (base - top) * counts[bound] / most)
            kind = "beyond" if limit is not None and place and bounds[place - 1] >= limit.seconds else "bar"
            drawn.append(element("rect", class_=kind, x=x + 1, y=base - long, width=step - 2, height=long))
        if place % every == every // 2:
            drawn.append(element("line", class_="tick", x1=x + step, x2=x + step, y1=base, y2=base + 4))
            drawn.append(element("text", milliseconds(bound), x=x + step, y=base + 17, text_anchor="middle"))
    if limit is not None:
        after = bisect_left(bounds, limit.seconds)
        below = bounds[after - 1] if after else 0.0
        share = (limit.seconds - below) / (bounds[min(after, len(bounds) - 1)] - below or 1.0)
        x = left + step * min(after + max(0.0, min(share, 1.0)), len(bounds))
        said = f"limit {milliseconds(limit.seconds)}, {limit.beyond / max(1, times.count):.1%} beyond"
        drawn.append(element("line", class_="limit", x1=x, x2=x, y1=top - 20, y2=base))
        side = "end" if x > width / 2 else "start"
        drawn.append(
            element("text", said, class_="wrong", x=x + (-6 if side == "end" else 6), y=top - 10, text_anchor=side)
        )
    return _plot(drawn, width, base + 24, alone=alone)


def failures(failed: Sequence[tuple[str, float]], seconds: float, *, alone: bool = False) -> Markup:
    """Whose attempts failed, and when: a row a user, a cross a failure; who had most comes first."""
    counts = Counter(user for user, _ in failed)
    shown = [user for user, _ in counts.most_common(SHOWN)]
    left, right, top, height = 170.0, 640.0, 8.0, 16.0
    low, end = top + height * len(shown), max(seconds, *(at for _, at in failed), 1.0)
    drawn = [
        element("title", "Whose attempts failed, and when"),
        element("desc", ", ".join(f"{name(user)} {counts[user]:,}" for user in shown[:20])),
    ]
    for number, user in enumerate(shown):
        y = top + height * number
        drawn.append(element("line", class_="grid", x1=left, x2=right, y1=y + 8, y2=y + 8))
        drawn.append(element("text", name(user, 22), x=left - 8, y=y + 12, text_anchor="end"))
        drawn.append(element("text", f"{counts[user]:,}", x=right + 10, y=y + 12))
        places = {round(left + (right - left) * max(0.0, at) / end) for whose, at in failed if whose == user}
        drawn += [
            element("text", "✕", class_="wrong", x=float(x), y=y + 12, text_anchor="middle") for x in sorted(places)
        ]
    drawn.append(element("text", "0", x=left, y=low + 14))
    drawn.append(element("text", f"{end:,.1f} s", x=right, y=low + 14, text_anchor="end"))
    return _plot(drawn, right + 60, low + 24, alone=alone)


SHADES, SHOWN = (0.12, 0.32, 0.52, 0.76, 1.0), 40
"""How strong: up to the median, twice, four and eight times as long, longer. So many users are drawn."""


def heat(waits: HeatMap, marked: Mapping[str, Collection[float]]) -> Markup:
    """A row a user, a cell a slice of time, the stronger the longer the wait was.

    `marked` are the seconds at which something was wrong with a user. These users come first, then who waited longest.
    """
    rows = sorted(zip(waits.users, waits.rows, strict=True), key=lambda row: row[0] not in marked)[:SHOWN]
    median = statistics.median(wait for _, row in rows for wait in row if wait is not None)
    longest = {user: max(wait for wait in row if wait is not None) for user, row in rows}
    slices = max(len(row) for _, row in rows)
    cell = min(36.0, 560.0 / slices)
    left, top, height = 170.0, 8.0, 16.0
    right, low = left + cell * slices, top + height * len(rows)
    cells: list[list[str]] = [[] for _ in SHADES]
    words: list[Markup] = []
    for number, (user, row) in enumerate(rows):
        y = top + height * number
        for place, wait in enumerate(row):
            if wait is not None:
                shade = next((n for n in range(len(SHADES) - 1) if wait <= median * 2**n), len(SHADES) - 1)
                cells[shade].append(f"M{left + cell * place:.1f},{y:g}h{cell - 1:.1f}v{height - 2:g}h{1 - cell:.1f}z")
        words.append(element("text", name(user, 22), x=left - 8, y=y + 12, text_anchor="end"))
        words.append(element("text", milliseconds(longest[user]), x=right + 8, y=y + 12))
        for place in {min(int(at // waits.width), slices - 1) for at in marked.get(user, ())}:
            x = left + cell * (place + 0.5)
            words.append(element("text", "✕", class_="wrong", x=x, y=y + 12, text_anchor="middle"))
    words.append(element("text", "0", x=left, y=low + 14))
    words.append(element("text", f"{waits.width * slices:,} s", x=right, y=low + 14, text_anchor="end"))
    for number, opacity in enumerate(SHADES):
        x, last = 8 + 150.0 * number, number == len(SHADES) - 1
        limit = milliseconds(median * 2 ** (number - last))
        words.append(element("rect", class_="bar", x=x, y=low + 26, width=14.0, height=14.0, opacity=opacity))
        words.append(element("text", f"{'longer than' if last else 'up to'} {limit}", x=x + 20, y=low + 38))
    told = ", ".join(f"{name(user)} {milliseconds(wait)}" for user, wait in list(longest.items())[:5])
    drawn = [
        element("title", "The longest wait of each user in each slice of time"),
        element("desc", f"The longest of all: {told}"),
        *(element("path", class_="bar", d="".join(d), opacity=o) for d, o in zip(cells, SHADES, strict=True)),
    ]
    return _plot(drawn + words, max(right + 90, 770.0), low + 48)


def intervals(rows: Sequence[tuple[str, float, float, float, str]], what: str) -> Markup:
    """Ratios with their intervals on a logarithmic scale: a name, low, ratio, high, and what it says, a row each.

    An interval that has no end mark goes on beyond the scale.
    """
    width, left, right, row, top = 860.0, 280.0, 110.0, 20.0, 34.0
    ratios = [min(max(ratio, 1e-3), 1e3) for _, _, ratio, _, _ in rows]
    least, most = math.log(min(*ratios, 0.8) / 2), math.log(max(*ratios, 1.25) * 2)
    low_y = top + row * len(rows)

    def x(value: float) -> float:
        return left + (width - left - right) * (min(max(math.log(value), least), most) - least) / (most - least)

    drawn = [element("title", what), element("text", what, x=8.0, y=14.0)]
    drawn.append(element("line", class_="one", x1=x(1), x2=x(1), y1=top - 8, y2=low_y))
    drawn.append(element("text", "1", x=x(1), y=low_y + 15, text_anchor="middle"))
    for end, at in ((math.exp(least), "start"), (math.exp(most), "end")):
        if abs(x(end) - x(1)) > 40:
            drawn.append(element("text", f"{end:.2g}", x=x(end), y=low_y + 15, text_anchor=at))
    for number, (label, low, ratio, high, said) in enumerate(rows):
        y = top + row * (number + 0.5)
        drawn += [
            element("text", short(label, 46), x=left - 10, y=y + 4, text_anchor="end"),
            element("line", class_="line", x1=x(low), x2=max(x(high), x(low) + 1), y1=y, y2=y),
            *(
                element("line", class_="line", x1=x(end), x2=x(end), y1=y - 4, y2=y + 4)
                for end in (low, high)
                if least <= math.log(end) <= most
            ),
            element("circle", class_="bar", cx=x(ratio), cy=y, r=4.0),
            element("text", said, x=width - right + 10, y=y + 4),
        ]
    return _plot(drawn, width, low_y + 22)


def _plot(drawn: Sequence[Markup], width: float, height: float, *, alone: bool = False) -> Markup:
    if alone:
        paper = element("rect", class_="paper", width="100%", height="100%")
        drawn = [element("style", Markup(STYLE)), paper, *drawn]
    return element(
        "svg",
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        class_="plot",
    )
