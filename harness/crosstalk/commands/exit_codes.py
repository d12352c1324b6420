"""What `crosstalk` exits with: 0 pass, 1 a check failed, 2 usage error or no target, 3 verdict unknown."""

from __future__ import annotations

EXIT = {"pass": 0, "fail": 1, "unknown": 3}
