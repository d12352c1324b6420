"""The members of the zoo, as the bench meets them: a file, and what it says of its defect."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from crosstalk.examination import Examination, open_target
from crosstalk.model.guarantees import Guarantees

ZOO = Path(__file__).parents[1] / "zoo"


@dataclass(frozen=True, slots=True)
class Member:
    """`check` is the one that must report the defect; both are empty for a correct member.

    `strict` says that a correct member keeps all that `Guarantees.strict` holds it to; `searches` for what (delivery,
    connection) it goes through all users or connections.
    """

    kind: str
    name: str
    path: Path
    defect: str = ""
    check: str = ""
    strict: bool = False
    searches: tuple[str, ...] = ()

    def opened(self) -> Examination:
        return open_target(f"{self.path}:create", guarantees=Guarantees.strict() if self.strict else None)


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_zoo_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def members(*kinds: str, only: str = "") -> list[Member]:
    """All members of `kinds` (defective, deep, correct) whose name contains `only`, or one of several with commas."""
    found = []
    for kind in kinds:
        for path in sorted((ZOO / kind).glob("*.py")):
            if any(part in path.stem for part in only.split(",")) and path.stem != "__init__":
                loaded = module(path)
                defect, check = getattr(loaded, "DEFECT", ""), getattr(loaded, "CHECK", "")
                if bool(check) != (kind != "correct"):
                    raise ValueError(f"{path} is in {kind}, but its CHECK is {check!r}")
                strict, searches = getattr(loaded, "STRICT", False), getattr(loaded, "SEARCHES", ())
                found.append(Member(kind, path.stem, path, defect, check, strict, searches))
    return found
