"""A bundle of evidence: verdicts, what they mean for a framework's controls, a journal, and a manifest over them all.

    evidence.md, evidence.html      for people
    assessment-results.json         OSCAL, for tools
    verdict-N.json                  byte for byte as given
    journal.jsonl                   who was sent what in the runs shown, and received what in live runs, hash-chained
    MANIFEST.json                   SHA-256 of each of these, the journal's head, what was given; MANIFEST.sig signs it

A changed, missing or added file is found by `verify`; whether the whole was made anew only by the signature.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
import msgspec

from crosstalk.model.bound import upper_bound
from crosstalk.model.verdict import CheckVerdict, Verdict
from crosstalk.reporting import journal
from crosstalk.reporting.folder import pretty
from crosstalk.reporting.frameworks import LIMITS, Control, Framework
from crosstalk.reporting.legible import legible
from crosstalk.reporting.oscal import assessment_results
from crosstalk.reporting.rules import rule
from crosstalk.reporting.sarif_log import own_version

MANIFEST, SIGNATURE = "MANIFEST.json", "MANIFEST.sig"
_WORDS = {
    "supported": "supported in part",
    "contradicted": "contradicted: a check that bears on it failed",
    "not shown": "not shown",
}


class BadEvidence(ValueError):
    """The bundle cannot be made or does not hold; the message is one sentence."""


class Manifest(msgspec.Struct, frozen=True):
    framework: str
    target: str
    build: str
    made: str
    tool: str
    journal_head: str
    journal_lines: int
    files: dict[str, str]
    schema: int = 1


def bundle(
    framework: Framework,
    given: Sequence[tuple[bytes, Verdict]],
    folder: Path,
    *,
    live: Mapping[int, Path] = MappingProxyType({}),
    build: str = "",
    made: datetime | None = None,
    key: bytes | None = None,
    passphrase: bytes | None = None,
) -> Manifest:
    """Write the bundle of the verdicts `given` (text and what it says) into `folder`, which is to be empty or new.

    `live` are the journals of those that are of live runs, by their place. `key` is an Ed25519 private key in PEM.
    Raises BadEvidence or OSError.
    """
    sign = _signer(key, passphrase) if key is not None else None
    if folder.exists() and any(folder.iterdir()):
        raise BadEvidence(f"{folder} is not empty: evidence is written into a folder of its own")
    moment = (made or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    verdicts = [(f"verdict-{number}.json", text, verdict) for number, (text, verdict) in enumerate(given, 1)]
    target = ", ".join(dict.fromkeys(legible(verdict.target, 200) for _, _, verdict in verdicts))
    judged = [(control, *_judged(control, [v for _, _, v in verdicts])) for control in framework.controls]
    checks = [(file, check, _says(check)) for file, _, verdict in verdicts for check in verdict.checks]
    try:
        chain, head = journal.written(_entries(verdicts, live))
    except ValueError as error:
        raise BadEvidence(f"{error}: let crosstalk smoke write both again, or move the journal away") from None
    told: dict[str, Any] = {
        "framework": framework,
        "target": target,
        "build": legible(build, 200) or "not stated",
        "made": moment.isoformat(),
        "tool": own_version(),
        "judged": [(control, _WORDS[state], words) for control, state, words in judged],
        "verdicts": [(file, verdict, _when(verdict)) for file, _, verdict in verdicts],
        "checks": checks,
        "limits": LIMITS,
        "head": head,
    }
    tested = {file: verdict for file, _, verdict in verdicts}
    oscal = assessment_results(
        framework, judged, checks, tested, target=target, build=build, made=moment, tool=own_version()
    )
    files: dict[str, bytes] = {file: text for file, text, _ in verdicts}
    files["evidence.html"] = _HTML.render(told).encode("utf-8", "backslashreplace")
    files["evidence.md"] = _MARKDOWN.render(told).encode("utf-8", "backslashreplace")
    files["assessment-results.json"] = pretty(oscal) + b"\n"
    files["journal.jsonl"] = chain
    manifest = Manifest(
        framework.name,
        target,
        legible(build, 200),
        moment.isoformat(),
        told["tool"],
        head,
        chain.count(b"\n"),
        {name: hashlib.sha256(text).hexdigest() for name, text in sorted(files.items())},
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text)
    sealed = pretty(manifest) + b"\n"
    (folder / MANIFEST).write_bytes(sealed)
    if sign is not None:
        (folder / SIGNATURE).write_bytes(base64.b64encode(sign(sealed)) + b"\n")
    return manifest


def verify(folder: Path, key: bytes | None = None) -> tuple[Manifest, bool]:
    """The manifest of the bundle in `folder`, and whether its signature by the public key `key` (PEM) was checked.

    Raises BadEvidence, which names the first thing that does not hold.
    """
    try:
        sealed = (folder / MANIFEST).read_bytes()
        manifest = msgspec.json.decode(sealed, type=Manifest)
    except OSError as error:
        raise BadEvidence(f"{folder} holds no evidence: {MANIFEST} could not be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadEvidence(f"{MANIFEST} is damaged: the evidence does not hold") from None
    if pretty(manifest) + b"\n" != sealed:
        raise BadEvidence(f"{MANIFEST} was changed: the evidence does not hold")
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE}
    for name, digest in manifest.files.items():
        if "/" in name or "\\" in name or name not in there:
            raise BadEvidence(f"{legible(name, 100)} is missing: the evidence does not hold")
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise BadEvidence(f"{name} was changed: the evidence does not hold")
    for name in sorted(there - manifest.files.keys()):
        raise BadEvidence(f"{legible(name, 100)} was added: the evidence does not hold")
    try:
        lines, head = journal.verified((folder / "journal.jsonl").read_bytes())
    except (journal.Broken, OSError) as error:
        raise BadEvidence(f"{error}: the evidence does not hold") from None
    if (lines, head) != (manifest.journal_lines, manifest.journal_head):
        raise BadEvidence("the journal does not end where the manifest says: the evidence does not hold")
    if key is None:
        return manifest, False
    try:
        signature = base64.b64decode((folder / SIGNATURE).read_bytes(), validate=False)
    except (OSError, ValueError):
        raise BadEvidence(f"{SIGNATURE} is missing or damaged: who made the evidence cannot be told") from None
    _check(key, signature, sealed)
    return manifest, True


def _entries(verdicts: Sequence[tuple[str, bytes, Verdict]], live: Mapping[int, Path]) -> Iterator[dict[str, Any]]:
    for number, (file, text, verdict) in enumerate(verdicts):
        yield from journal.entries(file, verdict, hashlib.sha256(text).hexdigest())
        if number in live:
            yield from journal.received(live[number], verdict)


def _when(verdict: Verdict) -> str:
    return verdict.finished.astimezone(UTC).isoformat() if verdict.finished is not None else "not recorded"


def _judged(control: Control, verdicts: Sequence[Verdict]) -> tuple[str, str]:
    """What the verdicts say of a control: state, and the words for it."""
    if not control.checks:
        return "not shown", control.supports
    found = [check for verdict in verdicts for check in verdict.checks if check.name in control.checks]
    failed = [check for check in found if check.verdict == "fail"]
    if failed:
        names = ", ".join(dict.fromkeys(check.name for check in failed))
        return "contradicted", f"The opposite was shown: {names} failed, with evidence in the verdict."
    doubts = [
        f"{check.name} is unknown ({legible(check.reason, 200)})" for check in found if check.verdict == "unknown"
    ]
    doubts += [f"{name} was not examined" for name in control.checks if name not in {check.name for check in found}]
    if doubts:
        return "not shown", f"Not shown: {'; '.join(doubts)}."
    if not any(check.opportunities for check in found):
        return "not shown", "Not shown: no check that bears on it had an opportunity."
    inapplicable = [check.name for check in found if not check.opportunities]
    also = f" Not applicable to this target: {', '.join(dict.fromkeys(inapplicable))}." if inapplicable else ""
    return "supported", control.supports + also


def _says(check: CheckVerdict) -> str:
    if check.verdict == "pass" and check.opportunities:
        return (
            f"No violation in {check.opportunities:,} opportunities: below {upper_bound(check.opportunities):.1e} per "
            "opportunity at 95 %, for runs drawn as these were."
        )
    if check.verdict == "fail":
        return f"{len(check.violations)} distinct violations in {check.opportunities:,} opportunities."
    return f"{check.verdict}: {legible(check.reason, 200) or 'no opportunity'}."


# -- signatures ----------------------------------------------------------------------------------------------------


def _signer(key: bytes, passphrase: bytes | None) -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise BadEvidence("signing needs cryptography: pip install 'pytest-crosstalk[evidence]'") from None
    try:
        private = load_pem_private_key(key, passphrase)
    except (ValueError, TypeError):
        raise BadEvidence("the key could not be read: give an Ed25519 private key in PEM, and its passphrase") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise BadEvidence("the key is no Ed25519 private key: make one with openssl genpkey -algorithm ed25519")
    return private.sign


def _check(key: bytes, signature: bytes, sealed: bytes) -> None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise BadEvidence("checking a signature needs cryptography: pip install 'pytest-crosstalk[evidence]'") from None
    try:
        public = load_pem_public_key(key)
    except ValueError:
        raise BadEvidence("the key could not be read: give an Ed25519 public key in PEM") from None
    if not isinstance(public, Ed25519PublicKey):
        raise BadEvidence("the key is no Ed25519 public key")
    try:
        public.verify(signature, sealed)
    except InvalidSignature:
        raise BadEvidence("the signature is not by this key over this manifest: the evidence does not hold") from None


# -- for people ----------------------------------------------------------------------------------------------------


def _escaped(text: str) -> str:
    shown = legible(str(text), 2_000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]#|" else c for c in shown)


def _environment(autoescape: bool) -> jinja2.Environment:
    made = jinja2.Environment(
        autoescape=autoescape, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    made.filters.update(plain=legible, md=_escaped, rule=rule)
    return made


_MARKDOWN = _environment(False).from_string("""\
# Evidence: {{ framework.title }}

Target: {{ target | md }}. Build: {{ build | md }}. Made {{ made }} by Crosstalk {{ tool }}.
The controls are written in: {{ framework.source }}.

| control | state | what was shown | what was not |
| --- | --- | --- | --- |
{% for control, state, words in judged %}
| {{ control.id }} {{ control.title }} | {{ state }} | {{ words | md }} | {{ control.missing | md }} |
{% endfor %}

## What this tool cannot speak to

{% for control, why in framework.silent %}
- {{ control }}: {{ why }}.
{% endfor %}

## What was tested

{% for file, verdict, when in verdicts %}
- {{ file }}: {{ verdict.verdict }} for {{ verdict.target | md }}; run ended: {{ when }}; \
{{ verdict.explored.schedules }} schedules, \
{{ verdict.explored.deliveries }} deliveries, seed {{ verdict.seed }}; {{ verdict.controls | selectattr("caught") | \
list | length }} of {{ verdict.controls | length }} sabotages caught.
{% endfor %}

| verdict | check | rule | result |
| --- | --- | --- | --- |
{% for file, check, words in checks %}
| {{ file }} | {{ check.name | md }} | {{ check.name | rule | md }} | {{ words | md }} |
{% endfor %}

## Limits

{% for limit in limits %}
- {{ limit }}
{% endfor %}

The journal of what was sent in the runs shown, and received in live runs, ends with {{ head }}.
`crosstalk evidence verify` finds any changed byte.
""")
_HTML = _environment(True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Evidence: {{ framework.title }}</title>
<style>body{font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;width:100%;font-size:15px}th,td{border:1px solid #bbb;padding:6px 8px;text-align:left;
vertical-align:top;overflow-wrap:anywhere}h2{margin-top:2em}code{overflow-wrap:anywhere}</style></head><body>
<h1>Evidence: {{ framework.title }}</h1>
<p>Target: <bdi>{{ target }}</bdi>. Build: {{ build }}. Made {{ made }} by Crosstalk {{ tool }}.
The controls are written in: {{ framework.source }}.</p>
<table><tr><th>Control</th><th>State</th><th>What was shown</th><th>What was not</th></tr>
{% for control, state, words in judged %}
<tr><td>{{ control.id }} {{ control.title }}</td><td>{{ state }}</td><td>{{ words }}</td>
<td>{{ control.missing }}</td></tr>
{% endfor %}
</table>
<h2>What this tool cannot speak to</h2><ul>
{% for control, why in framework.silent %}<li>{{ control }}: {{ why }}.</li>
{% endfor %}
</ul>
<h2>What was tested</h2><ul>
{% for file, verdict, when in verdicts %}
<li>{{ file }}: {{ verdict.verdict }} for <bdi>{{ verdict.target | plain }}</bdi>;
run ended: {{ when }};
{{ verdict.explored.schedules }} schedules, {{ verdict.explored.deliveries }} deliveries, seed {{ verdict.seed }};
{{ verdict.controls | selectattr("caught") | list | length }} of {{ verdict.controls | length }} sabotages caught.</li>
{% endfor %}
</ul>
<table><tr><th>Verdict</th><th>Check</th><th>Rule</th><th>Result</th></tr>
{% for file, check, words in checks %}
<tr><td>{{ file }}</td><td>{{ check.name | plain }}</td><td>{{ check.name | rule }}</td><td>{{ words }}</td></tr>
{% endfor %}
</table>
<h2>Limits</h2><ul>{% for limit in limits %}<li>{{ limit }}</li>{% endfor %}</ul>
<p>The journal of what was sent in the runs shown, and received in live runs, ends with <code>{{ head }}</code>.
<code>crosstalk evidence verify</code> finds any changed byte.</p>
</body></html>
""")
