"""Small plots in static SVG: how coverage grew, and bars with their figures written beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from crosstalk.reporting.legible import short
from crosstalk.reporting.svg import element


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
    return element(
        "svg",
        element("title", said),
        *(element("line", class_="grid", x1=left, x2=width - 14, y1=y(most * p), y2=y(most * p)) for p in (0, 0.5, 1)),
        *(element("text", f"{most * p:,.0f}", x=left - 6, y=y(most * p) + 4, text_anchor="end") for p in (0, 0.5, 1)),
        element("path", class_="line", d=path),
        element("text", "0", x=left, y=low + 18),
        element("text", f"{end:.3g} {unit}", x=width - 14, y=low + 18, text_anchor="end"),
        element("text", said, x=left, y=12.0),
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        class_="plot",
    )


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
    height = 12 + row * len(counts)
    return element(
        "svg", *drawn, viewBox=f"0 0 {width:g} {height:g}", width=width, height=height, role="img", class_="plot"
    )
