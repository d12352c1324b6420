"""A soak in words, for the terminal and for the page."""

from __future__ import annotations

from crosstalk.model.soak import Curve, Grown, Growth, LiveSoak, Pool, Soak
from crosstalk.reporting.plots import amount

WORDS = {"pass": "level", "fail": "grows", "unknown": "unclear"}


def growth_words(growth: Growth) -> str:
    kept = growth.bytes
    return (
        f"after {growth.units:,}, for each {growth.unit}: {_plain(kept.value, 1)} bytes "
        f"({_plain(kept.low, 1)} to {_plain(kept.high, 1)}), "
        f"{growth.objects.value:.2f} objects, {growth.tasks.value:.2f} tasks, "
        f"{growth.connections.value:.2f} connections of departed users"
    )


def cost_words(curve: Curve) -> str:
    fitted = curve.exponent
    return (
        f"a {curve.unit} with {curve.counts[0]:,} {curve.of} {cost(curve, 0)}, with {curve.counts[-1]:,} "
        f"{cost(curve, -1)}: exponent {_plain(fitted.value, 2)} "
        f"({_plain(fitted.low, 2)} to {_plain(fitted.high, 2)})"
    )


def cost(curve: Curve, point: int) -> str:
    """What a unit costs at that point of the curve."""
    return f"{curve.lines[point]:,.0f} lines ({curve.seconds[point] * 1e6:,.0f} us)"


def _plain(value: float, digits: int) -> str:
    """With so many decimals, and never a minus zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def pool_words(pool: Pool) -> str:
    return (
        f"pool of {pool.made:,} connections, {pool.ended:,} ended and {pool.open:,} open"
        + (f"; {pool.registry}" if pool.registry else "")
        + ": each open one is sent an event once, no other is, counts are true" * (not pool.violations)
    )


def soaked_words(result: Soak) -> str:
    flagged = (
        f"; flagged, and a failure with the guarantee {'=yes, '.join(result.flagged)}=yes" if result.flagged else ""
    )
    return f"{result.verdict} for {result.target} in {result.seconds:g} s{flagged}"


def grown_words(grown: Grown) -> str:
    each = f"{amount(grown.each.value)} ({amount(grown.each.low)} to {amount(grown.each.high)})"
    unit = " bytes" * (grown.quantity == "memory")
    return f"{grown.quantity}: {each}{unit} for each of {grown.units:,} departed users"


def live_soaked_words(result: LiveSoak) -> str:
    return f"{result.verdict} for {result.target}, {result.users:,} users in {result.seconds:g} s"
