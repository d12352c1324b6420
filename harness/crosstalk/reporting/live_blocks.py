"""What the page says of a live run beyond what it says of any: figures, on what basis it was judged, sightings."""

from __future__ import annotations

from collections import Counter
from typing import Any

from crosstalk.model.verdict import Verdict
from crosstalk.reporting.legible import legible
from crosstalk.reporting.live_terminal import figures, seen
from crosstalk.reporting.plots import bars


def blocks(verdict: Verdict) -> list[dict[str, Any]]:
    """Sections for the page: title, texts, plots. None for a run in process."""
    live = verdict.live
    if live is None:
        return []
    made = [_block("The live run", figures(live, verdict.explored.seconds, verdict.seed))]
    if live.bases:
        what = "A frame is judged by the strongest of these that it holds; what holds none is counted, and not judged."
        told = dict(Counter(live.bases).most_common())
        if live.unattributed:
            told["nothing"] = sum(live.unattributed.values())
        made.append(_block("What told whose the frames were", [what], [bars(told, "deliveries")]))
    if live.failures:
        failed = [f"{count:,} times: {legible(why, 500)}" for why, count in Counter(live.failures).most_common(20)]
        made.append(_block("What did not succeed", failed))
    sightings = [
        f"{check.name}: {seen(violation.sighting)}. Frame: {legible(violation.sighting.excerpt, 600) or 'none kept'}"
        for check in verdict.checks
        for violation in check.violations
        if violation.sighting is not None and violation.sighting.round >= 0
    ]
    if sightings:
        made.append(_block("Sightings", sightings))
    return made


def _block(title: str, texts: list[str], plots: list[Any] | None = None) -> dict[str, Any]:
    return {"title": title, "texts": texts, "plots": plots or []}
