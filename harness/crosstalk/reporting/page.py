"""The verdict as one HTML file that needs nothing else: `page(verdict)` is the text of `index.html`.

Everything in it comes from the verdict, so that the same verdict.json gives the same page anywhere. The template
escapes whatever it is given, and the page forbids itself (by its own Content-Security-Policy) every request and every
script but its own: a hostile verdict can neither run nor report anything.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from crosstalk.model.bound import upper_bound
from crosstalk.model.live_figures import Sighting
from crosstalk.model.scene import Exhibit, Scene
from crosstalk.model.soak import Soak
from crosstalk.model.verdict import CheckVerdict, FoundViolation, Verdict
from crosstalk.model.waits import HeatMap
from crosstalk.reporting.again import again
from crosstalk.reporting.exchange import exchange_picture, exchange_words
from crosstalk.reporting.legible import legible, name, short
from crosstalk.reporting.migration import NOTHING_BESIDE, Beside, block
from crosstalk.reporting.picture import STYLE, picture
from crosstalk.reporting.plots import SHOWN, bars, beyond_words, failures, growth, heat, histogram
from crosstalk.reporting.plots import STYLE as PLOT_STYLE
from crosstalk.reporting.rules import rule
from crosstalk.reporting.sentences import arrived_words, decisions_words, event_words, none_passes, story

MARKS = {"pass": "✓", "fail": "✕", "unknown": "?"}
DRAWN = 100
"""Findings that get a card."""
RICH, ROOM = 350_000, 700_000
"""Characters of cards. Up to RICH a card has all there is; up to ROOM one picture and a short story; then none."""
SHORT = 12
Plots = list[tuple[str, str, Markup]]
"""Of each its title, words, and what is drawn."""
NAMED = 20
_PACKAGE = "crosstalk.reporting"


def page(verdict: Verdict | None, others: Beside = NOTHING_BESIDE) -> str:
    """The page of `verdict`, where there is one, and of what was found in its folder beside it."""
    style, script = _text("page.css") + STYLE + PLOT_STYLE, _text("page.js")
    told = _told(verdict) if verdict is not None else {}
    notes = (*others.doubts, *(verdict.notes[:200] if verdict is not None else ()))
    return _template().render(
        **told,
        verdict=verdict,
        blocks=[block(result) for result in others.results],
        heading="a soak" if {type(result) for result in others.results} == {Soak} else "OLD and NEW",
        marks=MARKS,
        notes=[legible(note, 1_000) for note in notes],
        style=Markup(style),
        script=Markup(script),
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _told(verdict: Verdict) -> dict[str, Any]:
    """What the template says of a verdict."""
    found = [(check.name, violation) for check in verdict.checks for violation in check.violations]
    cards: list[dict[str, Any]] = []
    spent = 0
    for number, (check, violation) in enumerate(found[:DRAWN]):
        card = _card(
            check, violation, measured(check, verdict), rich=spent < RICH, drawn=spent < ROOM, open_=number < 3
        )
        cards.append(card)
        spent += sum(len(part) for part in map(str, card.values()))
    return {
        "target": legible(verdict.target, 300),
        "mark": MARKS[verdict.verdict],
        "lead": [legible(sentence, 600) for sentence in lead(verdict)],
        "cards": cards,
        "drawn": any(c["picture"] and v.exhibit is not None for c, (_, v) in zip(cards, found, strict=False)),
        "knocked": not verdict.explored.schedules and {check.name for check in verdict.checks} == {"authentication"},
        "omitted": len(found) - len(cards),
        "by_check": Counter(check for check, _ in found[:DRAWN]),
        "users": sorted({name(user) for _, violation in found[:DRAWN] for user in violation.users[:NAMED]}),
        "checks": [_row(check) for check in verdict.checks],
        "caught": sum(control.caught for control in verdict.controls),
        "explored": _explored(verdict) if verdict.live is None else "",
        "strategies": bars(verdict.explored.strategies, "schedules") if verdict.explored.strategies else None,
        "coverage": _coverage(verdict),
        "more": _live(verdict),
    }


def lead(verdict: Verdict) -> list[str]:
    """What the verdict proves, in a few sentences."""
    broken = [check for check in verdict.checks if check.verdict == "fail"]
    if broken:
        told = [f"{v.message[:1].upper()}{v.message[1:]}." for v in broken[0].violations[:1]]
        others = sum(len(check.violations) for check in broken) - len(told)
        names = ", ".join(check.name for check in broken)
        told.append(
            f"{len(broken)} of {len(verdict.checks)} checks failed ({names})"
            + (f", with {others} more findings" if others > 1 else ", with one more finding" if others else "")
            + (
                f"; {'each' if others else 'it'} was confirmed by playing it again, and can be played again by you."
                if all(again(v).startswith("crosstalk replay ") for check in broken for v in check.violations)
                else f"; {'each' if others else 'it'} was seen as it is shown."
            )
        )
        shown = broken[0].violations[0].exhibit if broken[0].violations else None
        if shown is not None and shown.place is not None:
            told.insert(1, f"Start at {shown.place}.")
        return told
    leaks = next((check for check in verdict.checks if check.name == "isolation"), None)
    counted = ""
    if leaks is not None and leaks.verdict == "pass":
        counted = (
            f"No user was sent what belongs to another in {leaks.opportunities:,} opportunities: below "
            f"{upper_bound(leaks.opportunities):.1e} per frame at 95 %, for runs drawn as these were."
        )
    if verdict.verdict == "pass":
        return [counted or "Every check passed.", "Every check caught its own sabotage on this target before."]
    doubtful = [f"{check.name} ({check.reason})" for check in verdict.checks if check.verdict == "unknown"]
    return [
        text for text in (counted, f"It cannot be told whether this target is right: {'; '.join(doubtful)}.") if text
    ]


def _card(
    check: str, violation: FoundViolation, plots: Plots, *, rich: bool, drawn: bool, open_: bool
) -> dict[str, Any]:
    shown = violation.exhibit
    card: dict[str, Any] = {
        "check": check,
        "message": legible(violation.message, 500),
        "users_json": msgspec.json.encode([name(user) for user in violation.users[:NAMED]]).decode(),
        "facts": facts(check, violation),
        "again": legible(again(violation), 20_000),
        "timeline": legible(violation.timeline, 6_000, lines=True)
        if (rich or shown is None) and violation.timeline != violation.message
        else "",
        "exact": bool(violation.replay),
        "open": open_,
        "growing": violation.cause.startswith("growth"),
        "undrawn": not drawn and shown is not None,
        "none_passes": none_passes(shown) if shown is not None else "",
        "picture": None,
        "story": [],
        "payload": "",
        "program": "",
        "code": [],
        "decisions": [],
        "differ": "",
        "still": "",
        "passing": None,
        "plots": plots,
    }
    exchange = violation.exchange
    if exchange is not None and drawn:
        card["picture"] = exchange_picture(exchange, violation.message, standalone=False)
        card["story"] = exchange_words(exchange)
    if shown is None:
        return card
    if drawn and not card["growing"]:  # thousands of like steps say nothing; the census does
        card["picture"] = picture(shown.scene, check, violation.message, shown.failing * rich, standalone=False)
        told = (
            story(shown.scene, check, violation.message)
            if rich
            else story(shown.scene, check, violation.message, SHORT)
        )
        card["story"] = [legible(line, 600) for line in told]
        card["payload"] = _payload(shown.scene) if violation.sighting is None else ""  # it is among the facts
    if shown.place is not None and rich:
        card["code"] = [(number, legible(line, 200), number == shown.place.line) for number, line in shown.code[:20]]
    card["program"] = legible("\n".join(shown.program), 4_000 if rich else 1_000, lines=True)
    if rich and shown.decisions and shown.passing is not None:
        card["decisions"] = [
            {
                "number": decision.number + 1,
                "open": legible("; ".join(decision.open[:8]), 600),
                "failing": legible(decision.failing, 300),
                "passing": legible(decision.passing, 300),
            }
            for decision in shown.decisions
        ]
        card["differ"] = decisions_words(len(shown.decisions))
        card["still"] = legible(", ".join(shown.still_broken), 200)
        marks = [(decision.time, decision.passing) for decision in shown.decisions]
        card["passing"] = picture(shown.passing, check, "The rule is kept.", marks, standalone=False)
    return card


def facts(check: str, violation: FoundViolation) -> list[tuple[str, str]]:
    """Who was sent whose event, where, and what of the schedule it takes."""
    told = [("rule", rule(check))]
    shown = violation.exhibit
    if shown is not None:
        told += _concerned(shown)
    if violation.exchange is not None:
        asked = violation.exchange
        told += [("knocked with", legible(asked.says, 200)), ("expected", legible(asked.must, 200))]
        told.append(("answer", legible(asked.answer, 300)))
    if violation.sighting is not None:
        return [*told, *_sighted(violation, violation.sighting)]
    if violation.users and not any(what in ("received by", "missing on") for what, _ in told):
        told.insert(1, ("concerns", ", ".join(name(user) for user in violation.users[:8])))
    if violation.schedule.strategy == "live":
        return told  # nobody chose a schedule
    deviations = violation.schedule.deviations
    how = "in plain order: no unusual timing is needed"
    if deviations:
        how = f"with {deviations} answer{'s' * (deviations > 1)} of the outside world out of plain order"
    told.append(("it takes", how + f" (found by {legible(violation.schedule.strategy, 60)})"))
    return told


def _sighted(violation: FoundViolation, sighting: Sighting) -> list[tuple[str, str]]:
    """Of a live run: when and how often it was seen, and in how many replays of that round."""
    told = []
    if violation.users and violation.exhibit is None:
        told.append(("concerns", ", ".join(name(user) for user in violation.users[:8])))
    if sighting.round >= 0:  # else no single moment shows it
        told.append(
            ("first seen", f"after {sighting.seconds:.1f} s, in round {sighting.round}; {sighting.times:,} in all")
        )
    if sighting.repeats:
        told.append(("seen again", f"in {sighting.again} of {sighting.repeats} replays of that round"))
    if sighting.fewest:
        told.append(("smallest", f"{sighting.fewest} users and {sighting.steps} steps"))
    if sighting.excerpt:
        told.append(("the frame", legible(sighting.excerpt, 600)))
    return told


def measured(check: str, verdict: Verdict, *, alone: bool = False) -> Plots:
    """What a live run measured of a check that no single moment breaks."""
    live = verdict.live
    if live is None:
        return []
    if check == "success" and live.failed:
        more = sum(live.failures.values()) - len(live.failed)
        words = f"Each ✕ is a failure; beside each user how many there were. {live.users:,} users took part."
        words += f" {more:,} more failures are not shown." * (more > 0)
        return [
            ("Whose attempts failed, and when", words, failures(live.failed, verdict.explored.seconds, alone=alone))
        ]
    times = {"latency": live.latency, "reconnect": live.reconnecting}.get(check)
    limit = live.limits.get(check)
    if times is None or limit is None or not times.buckets:
        return []
    title = {"latency": "Time to the first event of a run", "reconnect": "Time to connect again"}[check]
    return [(title, f"{beyond_words(times, limit)}.", histogram(times, limit, alone=alone))]


def _live(verdict: Verdict) -> list[dict[str, Any]]:
    """What a live run measured; nothing of a run in process."""
    live = verdict.live
    if live is None:
        return []
    texts = [
        f"{live.users:,} users, {live.connections:,} connections, {live.runs:,} runs and {live.deliveries:,} "
        f"deliveries in {live.rounds:,} round{'s' * (live.rounds != 1)}. "
        f"Of {live.attempts:,} connections and runs {live.success:.2%} succeeded."
    ]
    if live.bases:
        texts.append(
            "Whose a delivery is was told by "
            + ", ".join(f"{legible(basis, 40)} ({count:,})" for basis, count in live.bases.items())
            + f"; {sum(live.unattributed.values()):,} could not be told."
        )
    if live.failures:
        failures = ", ".join(f"{legible(what, 80)} ({count:,})" for what, count in list(live.failures.items())[:20])
        texts.append(f"What failed: {failures}.")
    plots = []
    for what, times in (("first event of a run", live.latency), ("opening of a connection", live.connecting)):
        if times.count:
            told = ", ".join(f"{mark} {getattr(times, mark) * 1e3:,.1f} ms" for mark in ("p50", "p95", "p99", "max"))
            limit = live.limits.get("latency") if times is live.latency else None
            drawn = histogram(times, limit) if times.buckets else ""
            plots.append((f"Time to the {what}", f"Of {times.count:,}: {told}.", drawn))
    if live.heat is not None:
        plots.append(
            (
                "How long each user waited for the first event of a run, and when",
                _heat_words(live.heat),
                heat(live.heat, _seen(verdict)),
            )
        )
    return [{"title": "The live run", "texts": texts, "plots": plots}]


def _heat_words(waits: HeatMap) -> str:
    text = f"The longest wait in every {waits.width} s, and beside each user the longest of all."
    text += " ✕: a violation that concerns the user was first seen then."
    others = waits.left_out + max(0, len(waits.users) - SHOWN)
    return text + f" {others:,} users who waited less are left out." * bool(others)


def _seen(verdict: Verdict) -> dict[str, list[float]]:
    """The seconds at which something was first seen to be wrong with a user."""
    seen: dict[str, list[float]] = {}
    for check in verdict.checks:
        for violation in check.violations:
            if violation.sighting is not None and violation.sighting.round >= 0:
                for user in violation.users:
                    seen.setdefault(user, []).append(violation.sighting.seconds)
    return seen


def _concerned(shown: Exhibit) -> list[tuple[str, str]]:
    scene, culprit = shown.scene, shown.scene.culprit
    told: list[tuple[str, str]] = []
    if culprit is not None and culprit.kind == "arrival":
        arrival, receiver = scene.arrivals[culprit.number], scene.connections[culprit.connection]
        carried = arrival.events + arrival.quoted
        if scene.live:
            told.append(("the event", arrived_words(scene, arrival)))
        foreign = [e for e in carried if arrival.owner >= 0 and scene.owners[e] == arrival.owner] or list(carried)
        if foreign and not scene.live:
            told.append(("the event", event_words(scene, foreign[0])))
        told.append(("received by", f"{name(scene.users[receiver.user])}, on device {name(receiver.device)}"))
    elif culprit is not None and culprit.kind == "missing":
        act = scene.acts[culprit.number]
        told.append(("the run" if scene.live else "the event", event_words(scene, act.event, act.user)))
        told.append(("missing on", f"device {name(scene.connections[culprit.connection].device)}"))
    if shown.place is not None:
        sent = culprit is not None and culprit.kind == "arrival" and scene.arrivals[culprit.number].place is not None
        told.append(("sent at" if sent else "look at", legible(str(shown.place), 200)))
    return told


def _payload(scene: Scene) -> str:
    culprit = scene.culprit
    if culprit is None or culprit.kind != "arrival":
        return ""
    return legible(scene.arrivals[culprit.number].sample, 600)


def _row(check: CheckVerdict) -> dict[str, Any]:
    bound = f"< {upper_bound(check.opportunities):.1e}" if check.verdict == "pass" and check.opportunities else ""
    return {
        "name": legible(check.name, 60),
        "verdict": check.verdict,
        "mark": MARKS[check.verdict],
        "opportunities": f"{check.opportunities:,}",
        "bound": bound,
        "rule": rule(check.name),
        "reason": legible(check.reason, 400),
    }


def _explored(verdict: Verdict) -> str:
    explored = verdict.explored
    if not explored.schedules:
        return f"{explored.programs:,} attempts with bad credentials and tricks, in {explored.seconds:g} s."
    return (
        f"{explored.programs:,} programs of simulated users, {explored.schedules:,} schedules with "
        f"{explored.decisions:,} decisions, {explored.deliveries:,} deliveries, in {explored.seconds:g} s."
    )


def _coverage(verdict: Verdict) -> Markup | None:
    explored = verdict.explored
    return growth(explored.coverage, explored.seconds, "kinds of hand-over") if explored.coverage else None


def _text(file: str) -> str:
    return resources.files(_PACKAGE).joinpath(file).read_text("utf-8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    filters: Mapping[str, Any] = {"legible": legible, "short": short}
    environment.filters.update(filters)
    return environment.from_string(_text("page.html.j2"))
