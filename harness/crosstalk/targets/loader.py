"""From SPEC to a factory of fresh broadcasters.

SPEC is `module:attribute` or `path/to/file.py:attribute`; the attribute is a class, a factory (sync or async) or an
object. Whatever state a module keeps outlives the factory.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from crosstalk.schedule.clock import tie_copies


class TargetError(Exception):
    """The target could not be loaded; the message is one sentence for the user."""


class StartAgain(Exception):
    """A target kept from an earlier run could not begin again: the next run gets a fresh one."""


def _module(name: str) -> ModuleType:
    if name.endswith(".py"):
        path = Path(name).resolve()
        if not path.is_file():
            raise TargetError(f"there is no file {name}: give path/to/file.py:attribute or module:attribute")
        # it may import its neighbours, as a script does, and what the working folder holds
        sys.path[:0] = [folder for folder in (str(path.parent), str(Path.cwd())) if folder not in sys.path]
        spec = importlib.util.spec_from_file_location(f"{_FILE}{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        exec(_compiled(spec.loader, spec.name, path.stat().st_mtime_ns), vars(module))
        for other in _own(name).values():
            tie_copies(other)
        return module
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    module = importlib.import_module(name)
    root = name.partition(".")[0]
    if root == "crosstalk":  # the harness itself goes by real time
        tie_copies(module)
        return module
    for other in _own(name).values():
        tie_copies(other)
    return module


@functools.lru_cache(maxsize=8)
def _compiled(loader: Any, name: str, changed: int) -> CodeType:
    """The module's code; a loader is equal to another of the same file, and state is never in the code."""
    code: CodeType = loader.get_code(name)
    return code


def load(spec: str) -> Callable[[], Any]:
    """A function that makes a fresh broadcaster (or an awaitable of one). Raises TargetError with a clear sentence."""
    return _factory(spec, _imported(spec))


def digest(spec: str) -> str:
    """A short digest of the file that SPEC's module is; "" where there is none. It changes when the file does."""
    name = spec.removeprefix("asgi:").rpartition(":")[0]
    try:
        origin = name if name.endswith(".py") else getattr(sys.modules.get(name), "__file__", None)
        return blake2b(Path(origin).read_bytes(), digest_size=6).hexdigest() if origin else ""
    except OSError:
        return ""


def reloaded(spec: str) -> Callable[[], Any]:
    """As `load`, from modules loaded afresh: whatever state they keep begins anew. Raises TargetError."""
    name = spec.rpartition(":")[0]
    if name.partition(".")[0] == "crosstalk":
        return load(spec)
    known = _own(name)
    for key in known:
        del sys.modules[key]
    try:
        return load(spec)
    finally:
        for key in [key for key in _own(name) if not key.startswith(_FILE)]:
            del sys.modules[key]
        sys.modules.update({key: module for key, module in known.items() if not key.startswith(_FILE)})


_FILE = "crosstalk_target_"
"""So begin the names of modules that are given as a file."""
_OTHERS = ("crosstalk", "conftest", "__main__", "test")


def _own(name: str) -> dict[str, ModuleType]:
    """The loaded modules that a target consists of: its package, and what lies beside it or in the working folder."""
    root = name.partition(".")[0]
    beside = [str(Path(name).resolve().parent)] if name.endswith(".py") else []
    folders = tuple(os.path.join(folder, "") for folder in (os.getcwd(), *beside))
    foreign = _foreign.setdefault((root, folders), set())
    own = {}
    for key in sorted(sys.modules.keys() - foreign):
        first = key.partition(".")[0]
        path = getattr(sys.modules[key], "__file__", None) or ""
        if (
            first == root
            or key.startswith(_FILE)
            or (first not in _OTHERS and not first.startswith("test_") and _is_under(path, folders))
        ):
            own[key] = sys.modules[key]
        else:
            foreign.add(key)
    return own


_foreign: dict[tuple[str, tuple[str, ...]], set[str]] = {}
"""For each target the names of modules that are known not to be its own."""


def _is_under(path: str, folders: tuple[str, ...]) -> bool:
    return path.startswith(folders) and "site-packages" not in path and not path.startswith(_PREFIXES)


_PREFIXES = (os.path.join(sys.base_prefix, ""), os.path.join(sys.prefix, ""))


def _imported(spec: str) -> ModuleType:
    name, colon, attribute = spec.rpartition(":")
    if not colon or not name or not attribute:
        plain = "; for functions of a module, put them on a small class" if spec.endswith(".py") else ""
        raise TargetError(f"{spec!r} is no target: give module:attribute or path/to/file.py:attribute{plain}")
    try:
        return _module(name)
    except (TargetError, KeyboardInterrupt):
        raise
    except BaseException as error:
        advice = ""
        if name.endswith(".py") and str(error).startswith("attempted relative import"):
            module = ".".join(Path(name).with_suffix("").parts)
            advice = f". It is part of a package: give it as a module, such as {module}:{attribute}"
        raise TargetError(f"{name} could not be imported: {type(error).__name__}: {error}{advice}") from error


def attribute_of(module: ModuleType, name: str, attribute: str) -> Any:
    """What the dotted `attribute` of `module`, called `name` by the user, is. Raises TargetError with what there is."""
    thing: Any = module
    for part in attribute.split("."):
        if not hasattr(thing, part):
            own = [n for n, v in vars(module).items() if not n.startswith("_") and not isinstance(v, ModuleType)]
            raise TargetError(f"{name} has no attribute {attribute!r}; it defines {', '.join(own) or 'nothing'}")
        thing = getattr(thing, part)
    return thing


def _factory(spec: str, module: ModuleType) -> Callable[[], Any]:
    name, _, attribute = spec.rpartition(":")
    thing = attribute_of(module, name, attribute)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        return thing
    kind = type(thing)
    try:
        inspect.signature(kind).bind()
    except (TypeError, ValueError):
        # one object that only its module can make: the module is loaded again for each
        def again() -> Any:
            return attribute_of(_imported(spec), name, attribute)

        if name.endswith(".py"):
            return again
        return lambda: _single(spec, attribute)
    return kind


def _single(spec: str, attribute: str) -> Any:
    name = spec.rpartition(":")[0]
    module = sys.modules.pop(name)
    try:
        return attribute_of(importlib.import_module(name), name, attribute)
    finally:
        sys.modules[name] = module


def looks_like_asgi(thing: object) -> bool:
    """Whether `thing` is called with scope, receive and send."""
    try:
        return callable(thing) and [*inspect.signature(thing).parameters][-3:] == ["scope", "receive", "send"]
    except (TypeError, ValueError):
        return False
