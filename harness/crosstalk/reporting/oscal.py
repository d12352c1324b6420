"""Evidence as OSCAL assessment results (NIST, version 1.1.2): an observation a check, a finding a control.

OSCAL knows only satisfied and not-satisfied; what cannot be told is not satisfied, and its remarks say so. Identifiers
are UUIDs of version 5, made of what they identify: the same evidence gives the same document but for its date.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crosstalk.model.verdict import CheckVerdict, Verdict
from crosstalk.reporting.frameworks import Control, Framework
from crosstalk.reporting.legible import legible
from crosstalk.reporting.rules import rule

VERSION = "1.1.2"
_SPACE = uuid.UUID("5f1cf8d7-6b8c-5e0f-9a53-6f2f0c6a7d11")


def token(control: str) -> str:
    """A control's id in the form OSCAL asks for."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", control).strip("-").lower()
    return words if words[0].isalpha() else f"c-{words}"


def assessment_results(
    framework: Framework,
    judged: Sequence[tuple[Control, str, str]],
    checks: Sequence[tuple[str, CheckVerdict, str]],
    tested: Mapping[str, Verdict],
    *,
    target: str,
    build: str,
    made: datetime,
    tool: str,
) -> dict[str, Any]:
    """`judged` are controls with state ("supported", "contradicted", "not shown") and words; `checks` are file, check
    and the words about it; `tested` are the verdicts by file. Where one does not say when its run ended, it was `made`
    at the latest."""
    stamp = made.isoformat()
    ends = {file: (verdict.finished or made).astimezone(UTC) for file, verdict in tested.items()}
    starts = (ends[file] - timedelta(seconds=round(verdict.explored.seconds)) for file, verdict in tested.items())
    identity = f"{framework.name} {target} {build}"
    observations = {
        (file, check.name): {
            "uuid": _uuid(f"{identity} observation {file} {check.name}"),
            "title": legible(check.name, 100),
            "description": f"{rule(check.name)} {words}",
            "methods": ["TEST"],
            "types": ["finding" if check.verdict == "fail" else "control-objective"],
            "relevant-evidence": [{"href": f"./{file}", "description": "The verdict, as data."}],
            "collected": ends[file].isoformat(),
            "props": [
                {"name": "verdict", "ns": "urn:crosstalk", "value": check.verdict},
                {"name": "opportunities", "ns": "urn:crosstalk", "value": str(check.opportunities)},
            ],
        }
        for file, check, words in checks
    }
    findings = []
    for control, state, words in judged:
        related = [{"observation-uuid": o["uuid"]} for (_, name), o in observations.items() if name in control.checks]
        status: dict[str, Any] = {"state": "satisfied" if state == "supported" else "not-satisfied"}
        if state == "not shown":
            status["remarks"] = "It cannot be told from this evidence."
        finding: dict[str, Any] = {
            "uuid": _uuid(f"{identity} finding {control.id}"),
            "title": f"{control.id} {control.title}",
            "description": f"{words} Not shown by this tool: {control.missing}",
            "target": {"type": "objective-id", "target-id": token(control.id), "status": status},
        }
        if related:
            finding["related-observations"] = related
        findings.append(finding)
    result: dict[str, Any] = {
        "uuid": _uuid(f"{identity} result"),
        "title": f"Crosstalk on {legible(target, 200)}",
        "description": f"Automated test of event isolation and delivery; build {legible(build, 200) or 'not stated'}.",
        "start": min(starts, default=made).isoformat(),
        "end": max(ends.values(), default=made).isoformat(),
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": token(control.id)} for control, _, _ in judged]}
            ]
        },
        "findings": findings,
    }
    if observations:
        result["observations"] = list(observations.values())
    return {
        "assessment-results": {
            "uuid": _uuid(f"{identity} {stamp}"),
            "metadata": {
                "title": f"{framework.title}: evidence by Crosstalk",
                "last-modified": stamp,
                "version": tool,
                "oscal-version": VERSION,
            },
            "import-ap": {"href": "#", "remarks": "There is no assessment plan beside the tool's own documentation."},
            "results": [result],
        }
    }


def _uuid(name: str) -> str:
    return str(uuid.uuid5(_SPACE, name.encode("utf-8", "backslashreplace").decode()))
