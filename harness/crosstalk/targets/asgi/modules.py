"""The project's own modules, loaded afresh: what an application keeps in their variables begins anew.

The project is what lies below the folder that the application's module is imported from, installed packages apart.
A loaded project is put in `sys.modules` only while it is imported and while runs play, so that imports inside its
functions find it, and whoever else imported the same modules keeps theirs.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from crosstalk.schedule.clock import tie_copies, untie_copies
from crosstalk.targets.loader import TargetError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module is imported from: `folder` goes on the path, `name` is its dotted name there.

    `file` is set where the module can't go by its own name, which another one has.
    """

    folder: Path
    name: str
    file: Path | None = None

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def place(name: str) -> Place:
    """The place of `name`: a dotted module name, or a file (path/to/file.py). Raises TargetError."""
    if not name.endswith(".py"):
        return Place(Path.cwd(), name)
    path = Path(name).resolve()
    if not path.is_file():
        raise TargetError(f"there is no file {name}: give asgi:path/to/file.py:app or asgi:module:app")
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if path.stem == "__init__":
        parts.pop()
    taken = sys.modules.get(parts[0])
    stranger = taken is not None and not _below(taken, folder)
    if len(parts) == 1 and (stranger or parts[0] in sys.stdlib_module_names or not parts[0].isidentifier()):
        return Place(folder, f"crosstalk_target_{path.stem}", path)
    return Place(folder, ".".join(parts))


def _below(module: ModuleType, folder: Path) -> bool:
    """Whether the module's source lies below `folder` and is no installed package."""
    file = getattr(module, "__file__", None)
    if file is None:
        file = next(iter(getattr(module, "__path__", ())), "")
    own = file.startswith(f"{folder}/") and not file.endswith((".so", ".pyd"))
    return own and not file.startswith(_STANDARD) and not any(part in file for part in _INSTALLED)


_INSTALLED = ("/site-packages/", "/dist-packages/")
_STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))


class Project:
    """The modules of one project, loaded together. `main` is the one that was asked for."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self.modules: dict[str, ModuleType] = {}
        self._others = {name for name, module in list(sys.modules.items()) if self._owns(name, module)}
        forget_process_state()
        with warnings.catch_warnings():
            # Django warns of models that are registered again, which is what loading afresh is
            warnings.filterwarnings("ignore", message=".*was already registered", category=RuntimeWarning)
            with self.installed():
                self.main = self._imported(where)

    def module(self, name: str) -> ModuleType:
        """Another module of the project, or an installed one, by its name or file; within `installed`."""
        other = place(name)
        return self.main if other == self.where else self._imported(other)

    def _imported(self, where: Place) -> ModuleType:
        try:
            if where.file is None:
                return importlib.import_module(where.name)
            spec = importlib.util.spec_from_file_location(where.name, where.file)
            assert spec is not None and spec.loader is not None
            module = sys.modules[where.name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            name = where.file or where.name
            raise TargetError(f"{name} could not be imported: {type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """While the block runs, imports find this project's modules, and those they import belong to it."""
        folder = str(self.where.folder)
        outside = {name: sys.modules.pop(name) for name in self._others if name in sys.modules}
        sys.modules.update(self.modules)
        sys.path.insert(0, folder)
        before = len(sys.modules)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)
            if len(sys.modules) != before:
                self._take_in()
            for name in self.modules:
                sys.modules.pop(name, None)
            sys.modules.update(outside)

    def _take_in(self) -> None:
        for name, module in list(sys.modules.items()):
            if name not in self.modules and self._owns(name, module):
                self.modules[name] = module
                tie_copies(module)

    def _owns(self, name: str, module: Any) -> bool:
        top = name.partition(".")[0]
        if top == "crosstalk" or name == "__main__" or not isinstance(module, ModuleType):
            return False
        return (top == self.where.top or _below(module, self.where.folder)) and not _has_models(module)

    def forget(self) -> None:
        """Give the modules up."""
        for module in self.modules.values():
            untie_copies(module)
        self.modules = {}


def _has_models(module: ModuleType) -> bool:
    """Whether the module defines Django models: the registry of models is the process's, so they stay as they are."""
    models = sys.modules.get("django.db.models.base")
    return models is not None and any(
        isinstance(value, models.ModelBase) and value.__module__ == module.__name__
        for value in list(vars(module).values())
    )


def forget_process_state() -> None:
    """What frameworks keep for the whole process and make again when asked for it."""
    layers = sys.modules.get("channels.layers")
    if layers is not None:
        layers.channel_layers.backends.clear()
    urls = sys.modules.get("django.urls")
    if urls is not None:
        urls.clear_url_caches()
