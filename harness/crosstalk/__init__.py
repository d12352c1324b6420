"""Crosstalk proves or refutes that a WebSocket broadcaster never sends one user's events to another.

The public names, loaded when first used:

    open_target     SPEC, class or factory -> Examination
    examine         Examination -> Verdict: explore, judge, make counterexamples small
    explore         Examination -> runs without end, each with its history and results
    CHECKS          name -> check, a function History -> Result
    Guarantees      what a broadcaster promises beyond isolation
    Program         what the simulated users do; steps are in crosstalk.scenarios.program
    virtual_loop    a loop factory for pytest-asyncio: virtual time, no selector
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["CHECKS", "Guarantees", "Program", "examine", "explore", "open_target", "virtual_loop"]

_HOMES = {
    "CHECKS": "crosstalk.checks",
    "Guarantees": "crosstalk.model.guarantees",
    "Program": "crosstalk.scenarios.program",
    "examine": "crosstalk.examination",
    "explore": "crosstalk.examination",
    "open_target": "crosstalk.examination",
    "virtual_loop": "crosstalk.properties",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'crosstalk' has no attribute {name!r}")
