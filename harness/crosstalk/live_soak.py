"""A soak of a running system: thousands of users connect, have a run and leave; what of the server grows with them?

Users come in READINGS groups, each when the one before has gone; half of them leave in good order, the others vanish.
When a group has gone and all is quiet the server's size is read, where it can be: of its process, or of its metrics.
Growth for each departed user is fitted over the second half, as for a broadcaster in virtual time
(`consolidation.fit`), where a cache of up to half as many entries is full. What allocators take now and then, in one
piece, is no growth: the whole of it must exceed ROUNDING, and most groups must have their part in it. Each group is
judged as a round of `crosstalk smoke` too.

What limits it is not the reading (a page is 4 KB) but the room inside the process: memory that was freed, after garbage
in cycles was at last collected, is filled before anything grows outside. The demonstration chat has 10 MB of that after
2,500 users, and hardly any where garbage is collected before each reading. So few are connected at the same time, and a
note says how much may be hidden.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from crosstalk.auth.redaction import Redactor
from crosstalk.consolidation.fit import POINTS, slope
from crosstalk.live import Plan, loop_factory, settings
from crosstalk.live_examination import Examining, LiveSettings, Progress
from crosstalk.model.soak import Grown, LiveSoak
from crosstalk.model.verdict import Outcome, worst
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.program import AnyStep, Ask, Await, Close, LiveProgram, Open, Reset
from crosstalk.targets.probe import MEMORY, Probe, ProbeFailed

READINGS = 2 * POINTS
LEAST, ROUNDING = 200.0, 1 << 19
"""Bytes for each departed user, and bytes in all, below which growth of memory is no finding."""
FEW = 0.02
"""The same for whatever else is counted: one for fifty users."""
UNITS = {"bytes": LEAST, "blocks": 0.5, "objects": 0.5}
"""The same of a gauge that has one of these words in its name."""
VAGUE = 10.0
"""An interval that reaches to so many times that is too wide to say that nothing grows."""
STAY = 8
LINGER_SECONDS = 0.05
UNSEEN = "whether the server grows can't be seen from outside: give --pid, or --metrics"


def soak_live(
    planned: Plan, probes: Sequence[Probe], target: str = "", progress: Callable[[Progress], None] | None = None
) -> LiveSoak:
    """Send the plan's users through. Raises Unreachable, and ValueError for fewer than 320 users."""
    if len(planned.users) < 20 * READINGS:
        raise ValueError(f"a soak of {len(planned.users)} users shows nothing: give at least {20 * READINGS}")
    chosen = replace(settings(planned, target=target), devices=1, faults=False)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_Soaking(chosen, Redactor(planned.log_in.secrets), probes, progress).result())


class _Soaking(Examining):
    def __init__(
        self,
        settings: LiveSettings,
        redactor: Redactor,
        probes: Sequence[Probe],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        super().__init__(settings, redactor, progress)
        self.probes = probes
        self.means.linger_seconds = LINGER_SECONDS
        self.units: list[float] = []
        self.sizes: dict[str, list[float]] = {}
        self.notes: list[str] = [] if probes else [UNSEEN]

    async def result(self) -> LiveSoak:
        began = time.monotonic()
        await self.examine()
        judged = self.tally.verdict()
        grown = grew(self.units, self.sizes)
        outcomes: list[Outcome] = [judged.verdict, *(one.outcome for one in grown)]
        if not grown or self.notes:
            outcomes.append("unknown")
        vague = ", ".join(one.quantity for one in grown if one.outcome == "unknown")
        if vague:
            self.notes.append(f"whether it grows by {vague} can't be told of so few: give more --users")
        target = self.tally.demands.target
        seconds = round(time.monotonic() - began, 3)
        notes = (*self.notes, *filter(None, map(hidden, grown)))
        return LiveSoak(worst(outcomes), target, len(self.settings.users), grown, judged, seconds, notes)

    async def rounds(self, journal: Journal | None) -> None:
        users = len(self.settings.users)
        until = [users * (point + 1) // READINGS for point in range(READINGS)]
        for number, (since, to) in enumerate(zip([0, *until], until, strict=False)):
            tracks = tuple(_through(user) if since <= user < to else () for user in range(users))
            await self._round(number, LiveProgram(tracks), journal)
            await self._look(to)
            if self._lost():
                self.notes.append(f"nobody of a group stayed connected, after {to:,} users")
                break

    async def _look(self, departed: int) -> None:
        try:
            sizes = {name: size for probe in self.probes for name, size in (await probe()).items()}
        except ProbeFailed as failed:
            self.notes.append(self.redactor.text(f"{failed}, after {departed:,} users"))
            self.probes = ()
            return
        self.units.append(departed)
        for name, size in sizes.items():
            self.sizes.setdefault(name, []).append(size)


def _through(user: int) -> tuple[AnyStep, ...]:
    """Come, have a run, and vanish, or leave; one in STAY does so when the group's round ends, and is judged whole."""
    ends: AnyStep = Reset(0) if user % 2 else Close(0)
    return (Open(0), Ask(0), Await(), *((ends,) if user % STAY else ()))


def hidden(grown: Grown) -> str:
    """What may be kept though memory is level, in words; "" where that is too little to matter."""
    sizes = [size for _, size in grown.readings]
    warm = sizes[POINTS - 1] - sizes[0]
    if grown.quantity != MEMORY or grown.outcome != "pass" or warm <= LEAST * grown.units:
        return ""
    return (
        f"memory had grown by {warm:,.0f} bytes before it was level: some {warm / grown.units:,.0f} bytes of each "
        "later user may have found room there; --metrics whose handler collects garbage first see more"
    )


def grew(units: Sequence[float], sizes: Mapping[str, Sequence[float]]) -> tuple[Grown, ...]:
    """Which quantities grow with the users that have gone, by the second half of all READINGS; none before."""
    half = POINTS
    if len(units) < READINGS:
        return ()
    found = []
    over = int(units[-1] - units[half - 1])
    for name, values in sizes.items():
        each = slope(units[half:], values[half:])
        least = next((least for unit, least in UNITS.items() if unit in name), FEW)
        if name == MEMORY:
            least = max(LEAST, ROUNDING / over)
        after = values[half - 1 :]
        step = statistics.median(later - before for before, later in pairwise(after)) * half / over
        outcome: Outcome = "unknown" if each.high > VAGUE * least else "pass"
        if each.low > least and step > least:
            outcome = "fail"
        found.append(Grown(name, over, each, outcome, tuple(zip(units, values, strict=True))))
    return tuple(found)
