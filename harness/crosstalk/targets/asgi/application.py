"""Which application is served, and whether the next run may have it again.

Loading a project costs more than a run. So an application whose run ended in good order (everybody gone, shut down, no
task left) is started again for the next run, as after a restart; after any other run its project is loaded afresh.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from crosstalk.targets.asgi.log_in import authenticator
from crosstalk.targets.asgi.modules import Project, forget_process_state, place
from crosstalk.targets.asgi.options import Options
from crosstalk.targets.asgi.server import Server
from crosstalk.targets.asgi.threads import threads_inline
from crosstalk.targets.loader import StartAgain, TargetError, attribute_of

if TYPE_CHECKING:
    from crosstalk.scenarios.world import World


class Application:
    """`spec` is `module:attribute` or `path/to/file.py:attribute`. Raises TargetError when it can't be loaded."""

    def __init__(self, spec: str, options: Options) -> None:
        name, colon, attribute = spec.rpartition(":")
        if not colon or not name or not attribute:
            raise TargetError(f"asgi:{spec} is no application: give asgi:module:app or asgi:path/to/file.py:app")
        self.spec = spec
        self.options = options
        self.note = ""
        try:
            self._authenticator = authenticator(options.auth)
        except ValueError as error:
            raise TargetError(f"asgi:{spec}: {error}") from None
        self._place = place(name)
        self._load()

    def _load(self) -> None:
        project = Project(self._place)
        with project.installed():
            name, _, attribute = self.spec.rpartition(":")
            thing = attribute_of(project.main, name, attribute)
            self._make = _maker(thing, f"asgi:{self.spec}")
            self._token = _callable(project, self.options.token, "--token")
            self._function = None
            if self.options.function is not None:
                self._function = _callable(project, self.options.publish, "--publish")
        self.project = project
        self._spaces = _namespaces(project)
        self._stale = self._renew = self._used = False

    @contextlib.contextmanager
    def setting(self) -> Iterator[None]:
        """Around a run: the project's modules are imported from, work for threads is inline, nothing is logged."""
        if self._stale or self._renew:
            before = self.project
            try:
                self._load()
            except TargetError as error:
                # a registry of the process refuses what is registered twice: then all runs have the same modules
                self.note = f"the application can't be loaded twice in a process, so runs share its modules: {error}"
                self._renew = False
            else:
                before.forget()
        self._stale = True  # until the run has ended in good order
        forget_process_state()
        silence = logging.root.manager.disable
        with self.project.installed(), threads_inline():
            logging.disable(logging.CRITICAL)
            try:
                yield
            finally:
                logging.disable(silence)

    async def start(self) -> Server:
        """The application of this run, started. Raises StartAgain, or StartupFailed on a fresh one."""
        try:
            application = self._make()
            if inspect.isawaitable(application):
                application = await application
            if _parameters(application) != 3:
                raise TargetError(f"asgi:{self.spec} made no ASGI application but a {type(application).__name__}")
            called = (self._token, self._function)
            server = Server(application, self.options, *called, self._spaces, self._authenticator)
            await server.start()
        except Exception as error:
            if self._used:
                raise StartAgain from error
            raise
        self._used = True
        return server

    async def end(self, world: World) -> None:
        """Shut the run's application down, and keep it if nothing of the run is left."""
        server: Server = world.broadcaster
        if await server.stop(world):
            self._stale = False

    def fresh(self) -> Callable[[], Any]:
        """The next run gets freshly loaded modules."""
        self._renew = True
        return self.start


def _namespaces(project: Project) -> tuple[Any, ...]:
    """What the project's modules and classes hold in their variables."""
    spaces: list[Any] = []
    for module in project.modules.values():
        spaces.append(vars(module))
        spaces += [
            value
            for kind in list(vars(module).values())
            if isinstance(kind, type) and kind.__module__ == module.__name__
            for value in vars(kind).values()
            if isinstance(value, dict | list | set)
        ]
    return tuple(spaces)


def _callable(project: Project, named: str, option: str) -> Callable[..., Any] | None:
    if not named:
        return None
    name, _, attribute = named.rpartition(":")
    try:
        thing = attribute_of(project.module(name), name, attribute)
    except TargetError as error:
        raise TargetError(f"{option} {named}: {error}") from error
    if not callable(thing):
        raise TargetError(f"{option} {named} is no callable but a {type(thing).__name__}")
    found: Callable[..., Any] = thing
    return found


def _maker(thing: Any, spec: str) -> Callable[[], Any]:
    """What makes the application of a run: the object itself, or a factory of it, as an ASGI server would tell them."""
    required = _parameters(thing)
    if required == 0 and (inspect.isroutine(thing) or isinstance(thing, type | functools.partial)):
        made: Callable[[], Any] = thing
        return made
    if required == 3 and not isinstance(thing, type):
        return lambda: thing
    if required == 2 and not isinstance(thing, type):
        raise TargetError(f"{spec} is a WSGI application, which has no WebSockets: give an ASGI application")
    raise TargetError(
        f"{spec} is no ASGI application and no factory of one but a {type(thing).__name__}: "
        "give an object that is called with scope, receive and send, or a function without parameters that makes one"
    )


def _parameters(thing: Any) -> int:
    """How many arguments a call needs, -1 where that can't be told."""
    if not callable(thing):
        return -1
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return 3  # written in C, or decorated beyond recognition
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 3
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(needed)
