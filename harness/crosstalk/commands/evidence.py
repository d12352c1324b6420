"""`crosstalk evidence --framework NAME`: a bundle for auditors. `crosstalk evidence verify FOLDER` checks one."""

from __future__ import annotations

import os
from pathlib import Path

import click

from crosstalk.model.verdict import Verdict
from crosstalk.reporting.evidence import BadEvidence, bundle, verify
from crosstalk.reporting.frameworks import FRAMEWORKS
from crosstalk.reporting.legible import printable
from crosstalk.reporting.reading import NoVerdict, read_verdict

PASSPHRASE = "CROSSTALK_KEY_PASSPHRASE"


@click.group(invoke_without_command=True)
@click.option("--framework", type=click.Choice(tuple(FRAMEWORKS)), help="Whose controls the verdicts are read for.")
@click.option(
    "--verdict",
    "verdicts",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A verdict.json or its folder; may be repeated (default reports).",
)
@click.option("--build", default="", help="What was tested: a commit or version (default: the CI's commit).")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder of the bundle (default evidence-NAME).")
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    help=f"Ed25519 private key (PEM) that signs the manifest; its passphrase in {PASSPHRASE}.",
)
@click.pass_context
def evidence(
    ctx: click.Context,
    framework: str | None,
    verdicts: tuple[Path, ...],
    build: str,
    output: Path | None,
    sign: Path | None,
) -> None:
    """Turn verdicts into a bundle of evidence for the controls of a framework."""
    if ctx.invoked_subcommand is not None:
        return
    if framework is None:
        click.echo(f"crosstalk: which framework? give --framework {', '.join(FRAMEWORKS)}", err=True)
        raise SystemExit(2)
    folder = output or Path(f"evidence-{framework}")
    commit = (
        build or os.environ.get("GITHUB_SHA") or os.environ.get("CI_COMMIT_SHA") or os.environ.get("GIT_COMMIT", "")
    )
    passphrase = os.environ.get(PASSPHRASE)
    try:
        given: list[tuple[bytes, Verdict]] = []
        live = {}
        for path in verdicts or (Path("reports"),):
            verdict = read_verdict(path)
            file = path / "verdict.json" if path.is_dir() else path
            if verdict.live is not None and (file.parent / "live.jsonl").exists():
                live[len(given)] = file.parent / "live.jsonl"
            given.append((file.read_bytes(), verdict))
        manifest = bundle(
            FRAMEWORKS[framework],
            given,
            folder,
            live=live,
            build=commit,
            key=sign.read_bytes() if sign is not None else None,
            passphrase=passphrase.encode() if passphrase else None,
        )
    except (NoVerdict, BadEvidence) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    except OSError as error:
        where = printable(str(error.filename or folder))
        click.echo(f"crosstalk: {where} could not be used: {error.strerror}", err=True)
        raise SystemExit(2) from None
    signed = "signed" if sign is not None else "not signed"
    click.echo(f"{folder}: {len(manifest.files)} files, {manifest.journal_lines} lines of journal, {signed}")


@evidence.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="Public key (PEM) that the signature is checked by.")
def verify_command(folder: Path, key: Path | None) -> None:
    """Check every file of the bundle in FOLDER, its journal, and with --key its signature."""
    if not folder.is_dir():
        click.echo(f"crosstalk: {printable(str(folder))} is no folder: give one that crosstalk evidence made", err=True)
        raise SystemExit(2)
    try:
        manifest, signed = verify(folder, key.read_bytes() if key is not None else None)
    except BadEvidence as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        click.echo(
            f"crosstalk: {printable(str(error.filename or folder))} could not be read: {error.strerror}", err=True
        )
        raise SystemExit(2) from None
    by = "its signature is good" if signed else "no signature was checked"
    click.echo(
        f"{folder} holds: {len(manifest.files)} files unchanged, {manifest.journal_lines} lines of journal in one "
        f"chain, {by}; {manifest.framework} on {printable(manifest.target)}, made {manifest.made}"
    )
