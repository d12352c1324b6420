"""The frame of a SARIF 2.1.0 log (OASIS Standard, 2020): one run of one tool, and where in a file a result is."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote


def log(tool: str, rules: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """`more` are further properties of the run."""
    driver = {"name": tool, "semanticVersion": own_version(), "rules": rules}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints", **more}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def location(path: str, line: int) -> dict[str, Any]:
    """A line of a file below the project's folder."""
    artifact = {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": max(1, line)}}}


def own_version() -> str:
    try:
        return version("pytest-crosstalk")
    except PackageNotFoundError:
        return "0.0.0"
