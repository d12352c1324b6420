"""Precision and recall of `crosstalk audit` on packages whose labels were given before it was run on them.

    python audit_held_out.py [--wrong] [--set held_out_4] [FOLDER]

Fetches the packages of `zoo/audit/held_out*.toml` by pip, without what they depend on, and reads them: nothing of
them is installed or run. In FOLDER they stay for another time. `--wrong` names each function that was judged otherwise.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from crosstalk.consolidation.audit.reading import read_tree
from crosstalk.consolidation.audit.roles import judged

AUDIT = Path(__file__).parents[1] / "zoo" / "audit"
ROLES = ("real", "adapter")


def fetched(package: str, folder: Path) -> Path:
    """The files of `package`, given as NAME==VERSION, unpacked in `folder`."""
    place = folder / package
    if not place.exists():
        with tempfile.TemporaryDirectory() as archives:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", archives, package]
            subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
            (archive,) = Path(archives).iterdir()
            if archive.suffix == ".whl":
                shutil.unpack_archive(archive, place, "zip")
            else:
                shutil.unpack_archive(archive, place, filter="data")
    inside = list(place.iterdir())
    return inside[0] if len(inside) == 1 else place  # an sdist has one folder


def compared(root: Path, labels: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """(label, role found) of every function below `root`."""
    tree = read_tree(root / labels["tree"])
    wanted = {f"{module}:{name}": role for role in ROLES for module, names in labels[role].items() for name in names}
    modules = labels.get("files")
    found = {one.id: one.role for one in judged(tree).found if one.role in ROLES}
    ids = {f.id for module in tree.modules if modules is None or module.name in modules for f in module.functions}
    assert wanted.keys() <= ids, wanted.keys() - ids
    return {id_: (wanted.get(id_, "other"), found.get(id_, "other")) for id_ in sorted(ids)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="name what was judged otherwise")
    parser.add_argument("--set", default="held_out*", help="the name of one set, or a pattern")
    parser.add_argument("folder", nargs="?", type=Path, help="where the packages are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        for path in sorted(AUDIT.glob(options.set + ".toml")):
            pairs: dict[str, tuple[str, str]] = {}
            for package, labels in tomllib.loads(path.read_text()).items():
                root = fetched(package, options.folder or Path(passing))
                pairs |= {f"{package} {id_}": pair for id_, pair in compared(root, labels).items()}
            show(path.stem, pairs, options.wrong)


def show(name: str, pairs: dict[str, tuple[str, str]], wrong: bool) -> None:
    print(f"{name}: {len(pairs)} functions, {sum(label != 'other' for label, _ in pairs.values())} of them in a role")
    for role in (*ROLES, "either"):
        is_ = (lambda given: given != "other") if role == "either" else role.__eq__
        right = sum(is_(label) and is_(found) for label, found in pairs.values())
        called = sum(is_(found) for _, found in pairs.values())
        labelled = sum(is_(label) for label, _ in pairs.values())
        print(f"  {role}: precision {right / called:.3f} ({right} of {called}), recall {right / labelled:.3f}", end=" ")
        print(f"({right} of {labelled})")
    for function, (label, found) in pairs.items():
        if wrong and label != found:
            print(f"    {function}: {label}, judged {found}")


if __name__ == "__main__":
    main()
