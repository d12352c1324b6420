"""Which control of a framework a check can support, and which ones a test of a broadcaster cannot speak to.

Written to be read by an auditor: a check supports a control in part, never fulfils it, and what is missing is said.
Where the text of a framework is to be found stands with it, so that a reader can hold the mapping against it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Control:
    """`checks` are those whose verdict bears on it; `supports` what their pass shows, `missing` what it does not.

    Where no check bears on it, it is never supported: `supports` then says what the bundle has to offer all the same.
    """

    id: str
    title: str
    checks: tuple[str, ...]
    supports: str
    missing: str


@dataclass(frozen=True, slots=True)
class Framework:
    """`source` is where its controls are written, `silent` those that this tool cannot speak to, and why."""

    name: str
    title: str
    source: str
    controls: tuple[Control, ...]
    silent: tuple[tuple[str, str], ...]


_NOT_PRODUCTION = "It is a test with simulated users and made-up content, not an observation of production."

HIPAA = Framework(
    "hipaa",
    "HIPAA Security Rule, technical safeguards (45 CFR 164.312)",
    "https://www.ecfr.gov/current/title-45/section-164.312",
    (
        Control(
            "164.312(a)(1)",
            "Access control",
            ("isolation", "ownership", "ghost"),
            "Events reached only connections of the user they belong to, also while users connected, reconnected and "
            "failed at the same time; nothing was sent to a connection that had been disconnected.",
            "Unique user identification, emergency access, automatic logoff and encryption (a)(2)(i)-(iv), and who is "
            "granted access at all.",
        ),
        Control(
            "164.312(b)",
            "Audit controls",
            (),
            "The rule asks for mechanisms that record and examine activity in systems with electronic protected health "
            "information; whether the target has them was not examined. The test has an audit trail of its own: "
            "journal.jsonl says what was judged, and who was sent whose event in the runs shown and in live runs; a "
            "line that is changed, cut out or added is found. The target's own log of the same run can be held "
            "against it.",
            "What the target records of its activity, how long it keeps that, and who examines it.",
        ),
        Control(
            "164.312(c)(1)",
            "Integrity",
            ("integrity", "order", "duplicate", "delivery", "golden_path"),
            "Events arrived as they were published, complete, once and in order.",
            "Integrity of stored records, and of anything but the events sent to users.",
        ),
        Control(
            "164.312(d)",
            "Person or entity authentication",
            ("authentication",),
            "Connections with forged, expired or missing credentials were refused, after good ones were accepted.",
            "How credentials are issued, kept and withdrawn.",
        ),
        Control(
            "164.312(e)(1)",
            "Transmission security",
            ("isolation", "integrity"),
            "What was transmitted reached nobody else, and arrived unaltered (integrity controls, (e)(2)(i), in part).",
            "Encryption in transit, (e)(2)(ii): runs inside one process use no network.",
        ),
    ),
    (
        ("164.308 Administrative safeguards", "policies, training and contracts cannot be tested by software"),
        ("164.310 Physical safeguards", "facilities and devices are out of reach of a test of a broadcaster"),
        ("164.314, 164.316", "agreements and documentation are not what is tested"),
    ),
)

SOC2 = Framework(
    "soc2",
    "SOC 2, Trust Services Criteria",
    "AICPA, TSP section 100, 2017 Trust Services Criteria (with revised points of focus, 2022)",
    (
        Control(
            "CC6.1",
            "Logical access security over protected information assets",
            ("isolation", "ownership", "ghost"),
            "The broadcaster gave each user's events to that user's open connections only.",
            "Identification, provisioning, key management, and every asset but the events broadcast.",
        ),
        Control(
            "CC6.6",
            "Protection against threats from outside the system's boundaries",
            ("authentication",),
            "Connections without valid credentials were refused.",
            "Firewalls, intrusion detection, and the rest of the boundary.",
        ),
        Control(
            "CC6.7",
            "Restriction of the transmission of information to authorised users",
            ("isolation", "integrity"),
            "Transmission of events was restricted to the users they belong to, and left them unaltered.",
            "Encryption, removable media and mobile devices.",
        ),
        Control(
            "CC7.2",
            "Monitoring for anomalies",
            ("crash", "cleanup", "blocking", "truthful_count"),
            "Before release, failures, leaks of memory, stalls and untrue counts of the broadcaster were looked for.",
            "Monitoring of the running system: a test before release is none.",
        ),
    ),
    (
        ("CC1 to CC5", "governance, communication and risk assessment are not what is tested"),
        ("CC6.2 to CC6.5, CC6.8", "provisioning, physical access, disposal and malware are out of reach"),
        ("CC7.1, CC7.3 to CC7.5, CC8, CC9", "vulnerability management, incidents, change and vendors are out of reach"),
        ("A1, C1, PI1, P1 to P8", "availability, confidentiality, processing and privacy were not selected"),
    ),
)

SEC = Framework(
    "sec",
    "SEC Rule 17a-4, electronic recordkeeping (17 CFR 240.17a-4)",
    "https://www.ecfr.gov/current/title-17/section-240.17a-4",
    (
        Control(
            "17a-4(f)(2)(i)(A)",
            "Audit trail of records",
            ("delivery", "duplicate", "order", "golden_path", "integrity"),
            "What a recordkeeping system downstream would be sent by the broadcaster was complete, unaltered, once and "
            "in order; the journal of what was sent in the runs shown is append-only and hash-chained.",
            "Retention, re-creation of altered records, and the recordkeeping system itself: the journal is of test "
            "runs, not of business records.",
        ),
    ),
    (
        ("17a-4(f)(2)(i)(B)", "non-rewriteable storage is a property of the store, which is not tested"),
        ("17a-4(f)(2)(ii) to (v)", "verification, serialisation, download and redundancy concern the store"),
        ("17a-4(f)(3), 17a-4(i), (j)", "undertakings, third parties and production to examiners are organisational"),
    ),
)

FRAMEWORKS = {framework.name: framework for framework in (HIPAA, SOC2, SEC)}
LIMITS = (
    _NOT_PRODUCTION,
    "A pass bounds how often a rule is broken in runs like those explored; it does not show that it never is.",
    "No control is fulfilled by this evidence alone; whether it suffices is for the auditor to say.",
)
