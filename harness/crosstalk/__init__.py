"""Crosstalk: proves or refutes that a WebSocket broadcaster never sends one user's events to another."""

from crosstalk.checks import CHECKS
from crosstalk.examination import Examination, examine
from crosstalk.scenarios.program import Program
from crosstalk.scenarios.runner import play

__all__ = ["CHECKS", "Examination", "Program", "examine", "play"]
