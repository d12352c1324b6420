"""What one function does with users, events and connections, by following names through its body.

A name is *of connections* when it comes from a look-up by something of a user: `connections[user_id]`,
`self.queues.get(uid)`, `self.members(room)`, a comparison of its owner with the user; and whatever is assigned or
iterated from that. Of all connections some are picked where a condition relates one to what was given. Sending to it,
calling it, or handing it over to something that sends, together with something else, is the evidence of a real
implementation. A call that passes on the user and the event, and finds no connections, is the evidence of an adapter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Set
from dataclasses import dataclass, field

from crosstalk.consolidation.audit.reading import Function
from crosstalk.consolidation.audit.words import (
    SENDS,
    finds_none,
    hands_over,
    is_family,
    is_store,
    is_strong,
    passes_on,
    publishes,
    says_address,
    says_by_key,
    says_connections,
    says_event,
    says_framework,
    says_links,
    says_others,
    says_past,
    says_person,
    says_stored,
    says_user,
)


@dataclass(frozen=True, slots=True)
class Passed:
    """A call that passes something of the user on: the callee as written, its last name, whether that `says` so,
    whether the event goes too, and whether the user was `given`, by a parameter or in the event.

    `apart` are user and event in arguments of their own; put into one, they may be a frame of one's own connection.
    """

    callee: str
    name: str
    line: int
    says: bool
    event: bool
    apart: bool
    given: bool


@dataclass(frozen=True, slots=True)
class Handed:
    """A call that gets what the function was given: two things in two arguments (`two`), one of them the `event`, or
    the event as a whole."""

    callee: str
    name: str
    two: bool
    event: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that gets connections that were looked up: to send to them, as it seems if its name `says` so. With an
    `address` it gets the user too, and may do the looking up."""

    callee: str
    name: str
    line: int
    says: bool
    address: bool


@dataclass(slots=True)
class Evidence:
    """`takes_person`: a user, rather than a room or a connection. `finds`: it returns connections that it looked up.
    `sends_at`: the line where something is handed to connections that were looked up; `sent`: where that is left to a
    call. `sinks`: it hands something to what it was given. `statements`: how many it has."""

    takes_user: bool = False
    takes_person: bool = False
    takes_event: bool = False
    looks_up: bool = False
    finds: bool = False
    sinks: bool = False
    statements: int = 0
    sends_at: int = 0
    sent: list[Sent] = field(default_factory=list)
    everybody_at: int = 0
    passes: list[Passed] = field(default_factory=list)
    handed: list[Handed] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    silent: list[tuple[int, str]] = field(default_factory=list)
    makes: list[str] = field(default_factory=list)
    abstract: bool = False


_KEEPS = frozenset(["get", "pop", "remove", "discard", "update", "setdefault", "close", "cancel", "disconnect", "ping"])
"""Methods that hand nothing to anybody."""
_TAKES_IN = re.compile(r"^_*(handle|on|receive|process|validate|parse|check)(_|$)")
"""Methods to which a frame that came in is given."""
_ADDS = frozenset(["append", "appendleft", "add", "extend"])
_WRAPS = frozenset(["async_to_sync", "sync_to_async", "database_sync_to_async", "partial"])
"""What is called with a function, and gives one that does the same."""
_ONE_FRAME = re.compile(r"^_*(send|write)")
_DATABASE_NOTIFIES = re.compile(r"\bNOTIFY\b|\bpg_notify\b")

_USER, _EVENT, _LINK, _ANY, _HELD, _NAME, _OF = "user", "event", "link", "any", "held", "name", "of"
_FIELD, _STORED = "field", "stored"
_GIVEN = "@"


def gather(function: Function, finders: Set[str] = frozenset()) -> Evidence:
    """The evidence of `function`; functions inside it are judged for themselves. `finders` are names of functions that
    find connections, whatever they are called."""
    reader = _Reader(function, finders)
    reader.read()
    return reader.evidence


class _Reader:
    """`known` says of each local name what it is: user, event, link (connections of a user), any (of everybody), held
    (found in something named after connections), of (an attribute of a user), field (of a parameter), name (of a
    channel or group), stored (from a store), "@x" where it comes from parameter x."""

    def __init__(self, function: Function, finders: Set[str]) -> None:
        self.function = function
        self.finders = finders
        self.evidence = Evidence()
        self.known: dict[str, set[str]] = {}
        self.beside: dict[str, set[str]] = {}
        self.given: set[str] = set()
        self.means: dict[str, ast.expr] = {}
        self.passing_over: bool | None = None
        self.loops = False
        self.family = is_family(function.short)

    def read(self) -> None:
        node = self.function.node
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [extra for extra in (node.args.vararg, node.args.kwarg) if extra is not None]
        for argument in arguments:
            marks = self.known.setdefault(argument.arg, set())
            self.given.add(argument.arg)
            if argument.arg in ("self", "cls"):
                continue
            marks.add(_GIVEN + argument.arg)
            note = ast.unparse(argument.annotation) if argument.annotation is not None else ""
            if says_connections(argument.arg) and ("Socket" in note or "Channel" in note):
                continue
            if says_user(argument.arg) or (note == "str" and says_user(argument.arg.rpartition("_")[2])):
                marks.add(_USER)
            if says_event(argument.arg):
                marks.add(_EVENT)
        self.evidence.takes_user = any(_USER in marks for marks in self.known.values())
        self.evidence.takes_person = any(says_person(name) for name in self.given)
        self.evidence.takes_event = any(_EVENT in marks for marks in self.known.values())
        body = [n for n in node.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
        self.evidence.abstract = all(isinstance(n, ast.Raise | ast.Pass) for n in body)
        self._statements(body)
        if self.loops:  # whose later lines reach its earlier ones
            statements = self.evidence.statements
            self._statements(body)
            self.evidence.statements = statements

    # -- statements ------------------------------------------------------------------------------------------

    def _statements(self, body: list[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        self.evidence.statements += 1
        self.loops |= isinstance(node, ast.For | ast.AsyncFor | ast.While)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.If(test=test, body=body):
                self.passing_over = all(isinstance(inner, ast.Continue) for inner in body)
                self._expression(test)
                self.passing_over = None
            case ast.Assign(targets=targets, value=value):
                marks = self._expression(value)
                if isinstance(targets[0], ast.Name) and isinstance(value, ast.Attribute) and passes_on(value.attr):
                    self.means[targets[0].id] = value
                for target in targets:
                    self._kept(target, marks)
                    self._bind(target, marks)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._bind(target, self._expression(value))
            case ast.AugAssign(target=target, value=value):
                marks = self._expression(value)
                if self.family and {_LINK, _EVENT} <= marks:
                    self.evidence.sends_at = self.evidence.sends_at or node.lineno  # the two together, for a worker
                self._bind(target, marks)
            case ast.For(target=target, iter=iterable) | ast.AsyncFor(target=target, iter=iterable):
                self._bind(target, self._elements(iterable) | self._of_user(target, iterable))
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    marks = self._expression(item.context_expr)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, marks)
            case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers):
                self._catches(node, handlers)
            case ast.Return(value=value) if value is not None:
                self.evidence.finds |= {_LINK, _HELD} <= self._expression(value) and self.evidence.looks_up
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._expression(child)
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                self._statements(inner)
        for handler in getattr(node, "handlers", ()):
            self._statements(handler.body)
        for case_ in getattr(node, "cases", ()):
            self._statements(case_.body)

    def _bind(self, target: ast.expr, marks: set[str]) -> None:
        match target:
            case ast.Name(id=name):
                kept = _NAME in marks and not (self.family and _STORED in marks and name.endswith("s"))
                if says_links(name) and not says_user(name) and _USER in marks and not kept:
                    self.evidence.looks_up = True
                    marks = marks - {_USER} | {_LINK}
                self.known.setdefault(name, set()).update(marks)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                names = {inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name)}
                for name in names:
                    self.beside.setdefault(name, set()).update(names)
                for element in elements:
                    self._bind(element, marks)
            case ast.Attribute(value=value) if _LINK in marks:
                root = _root(value)
                if root and root not in self.given:
                    self.known.setdefault(root, set()).add(_LINK)
            case ast.Starred(value=value):
                self._bind(value, marks)

    def _kept(self, target: ast.expr, marks: set[str]) -> None:
        """An event that is put into something of a connection is as good as sent."""
        kept = self.family and _EVENT in marks and isinstance(target, ast.Subscript | ast.Attribute)
        if kept and _LINK in self._expression(target.value):  # type: ignore[attr-defined]
            self.evidence.sends_at = self.evidence.sends_at or target.lineno

    def _picked(self, sides: list[ast.expr]) -> None:
        """A condition relates one of all connections to what was given: those that match are picked."""
        roots = [_root(side) for side in sides]
        marks = [self.known.get(root, set()) for root in roots]
        if any(
            _is_given(mark) and (root in self.given or _ANY not in mark)
            for root, mark in zip(roots, marks, strict=True)
        ):
            for root in roots:
                if root not in self.given and _ANY in self.known.get(root, ()):
                    self.known[root].add(_LINK)
                    self.evidence.looks_up = True

    def _related(self, node: ast.Compare) -> None:
        """In a condition: `link.id == event.link_id`, `room in link.rooms`. Which link it is tells nothing of whose it
        is, so links themselves don't count."""
        operator = node.ops[0]
        same = (
            isinstance(operator, ast.NotEq | ast.NotIn) if self.passing_over else isinstance(operator, ast.Eq | ast.In)
        )
        if same:
            self._picked([side for side in (node.left, *node.comparators) if not self._is_one(side)])

    def _is_one(self, side: ast.expr) -> bool:
        return isinstance(side, ast.Name) and _ANY in self.known.get(side.id, ())

    def _compared(self, sides: list[ast.expr]) -> None:
        """`link.user_id == user_id`: of all connections those of one user are picked."""
        given = any(_USER in self.known.get(_root(side), set()) and _root(side) in self.given for side in sides)
        if not given and not any(_own_user(side) for side in sides):
            return
        for side in sides:
            root = _root(side)
            if root and root not in self.given:
                for name in (root, *self.beside.get(root, ())):
                    self.known.setdefault(name, set()).add(_LINK)
                self.evidence.looks_up = True

    def _catches(self, node: ast.Try | ast.TryStar, handlers: list[ast.ExceptHandler]) -> None:
        for handler in handlers:
            caught = ast.unparse(handler.type) if handler.type is not None else "everything"
            broad = handler.type is None or any(word in caught for word in ("Exception", "BaseException"))
            broad = broad and not any(word in caught for word in ("ExceptionGroup", ".")) if handler.type else broad
            if broad and all(_says_nothing(inner) for inner in handler.body):
                entry = (handler.lineno, caught)
                if entry not in self.evidence.silent:
                    self.evidence.silent.append(entry)

    # -- expressions -----------------------------------------------------------------------------------------

    def _elements(self, node: ast.expr) -> set[str]:
        """What the elements of an iterable are."""
        marks = self._expression(node)
        name = _last(node.func) if isinstance(node, ast.Call) else _last(node)
        inside = [_last(inner) for inner in ast.walk(node) if isinstance(inner, ast.Attribute | ast.Name)]
        if _LINK not in marks and any(says_connections(word) for word in (name, *inside)):
            marks = marks | {_ANY}
        return marks

    def _of_user(self, target: ast.expr, iterable: ast.expr) -> set[str]:
        """`for push in user.pushes.all()`: whatever a user has several of, if they aren't users, may be sent to."""
        marks = self._expression(iterable)
        if _OF not in marks or _EVENT in marks or not self.family or says_user(_root(target)):
            return set()
        self.evidence.looks_up = True
        return {_LINK}

    def _expression(self, node: ast.expr) -> set[str]:
        """What the value of `node` is, and on the way what its calls do."""
        match node:
            case ast.Name(id=name):
                marks = self.known.get(name, set())
                return (
                    marks | {_USER} if _is_user(name) and name not in self.given and _ANY not in marks else set(marks)
                )
            case ast.Attribute(value=value, attr=name):
                marks = {mark for mark in self._expression(value) if not mark.startswith(_GIVEN)}
                if _EVENT in marks and says_user(name):
                    return marks | {_USER, _NAME}
                if _is_given(self.known.get(_root(value), ())):
                    marks = marks | {_FIELD}
                if _is_user(name):
                    return marks | {_USER}
                return marks | {_OF} if _USER in marks else marks
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._expression(test)
                return self._expression(body) | self._expression(orelse)
            case ast.Subscript(value=value, slice=key):
                return self._looked_up(value, [key])
            case ast.Call():
                return self._call(node)
            case ast.Lambda(body=body):
                return self._expression(body)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for generator in node.generators:
                    self._bind(generator.target, self._elements(generator.iter))
                    for condition in generator.ifs:
                        self.passing_over = False
                        self._expression(condition)
                        self.passing_over = None
                if isinstance(node, ast.DictComp):
                    return self._expression(node.key) | self._expression(node.value)
                return self._expression(node.elt)
            case ast.NamedExpr(target=target, value=value):
                marks = self._expression(value)
                self._bind(target, marks)
                return marks
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
            self._compared([node.left, *node.comparators])
        if isinstance(node, ast.Compare) and self.passing_over is not None:
            self._related(node)
        marks = set()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                marks |= self._expression(child)
        return marks

    def _looked_up(self, value: ast.expr, keys: list[ast.expr]) -> set[str]:
        """`value[key]` or `value.get(key)`: of connections, when the key is a user's or of connections."""
        marks = self._expression(value)
        by = set().union(*(self._expression(key) for key in keys)) if keys else set()
        if keys and isinstance(keys[0], ast.Constant) and isinstance(keys[0].value, str):
            if _EVENT in marks and says_user(keys[0].value):
                return marks | {_USER, _NAME}
            return marks | {_USER} if _is_user(keys[0].value) else marks
        if _EVENT in self._expression(value) and _LINK not in marks:
            return marks
        name = _last(value)
        held = says_connections(name) and "callback" not in name and not says_framework(name)
        key = held and len(keys) == 1
        given = key and (self._is_key(keys[0], by) or (_FIELD in by and self.family))
        given = given or (key and says_by_key(name) and _is_given(by))
        if (given or by & {_USER, _LINK}) and not says_past(_last(value)):
            self.evidence.looks_up = self.evidence.looks_up or given or _USER in by
            return marks - {_ANY} | {_LINK} | ({_HELD} if held else set())
        return marks

    def _is_key(self, key: ast.expr, marks: set[str]) -> bool:
        """Whether something given, and no connection or event itself, is the key: then it stands for somebody."""
        given = _is_given(marks) and _EVENT not in marks
        while isinstance(key, ast.Call) and isinstance(key.func, ast.Name) and len(key.args) == 1:
            key = key.args[0]  # `id(connection)` is the connection
        name = _last(key).lower()
        return given and (says_user(name) or name.endswith("id") or not says_connections(name))

    def _called(self, node: ast.Call) -> ast.Call:
        """The call that `node` comes to: `async_to_sync(f)(x)`, `submit(f, x)` and a name that means `f` call f."""
        function: ast.expr = node.func
        rest = node.args
        if isinstance(function, ast.Call) and _last(function.func) in _WRAPS and function.args:
            rest = [*function.args[1:], *rest]
            function = function.args[0]
        elif len(rest) > 1 and self._is_sender(rest[0]):
            function, rest = rest[0], rest[1:]
        if isinstance(function, ast.Name):
            function = self.means.get(function.id, function)
        if function is node.func:
            return node
        return ast.copy_location(ast.Call(function, rest, node.keywords), node)

    def _is_sender(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.means
        return isinstance(node, ast.Attribute) and (passes_on(node.attr) or is_strong(node.attr))

    def _call(self, node: ast.Call) -> set[str]:
        node = self._called(node)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        name, function = _last(node.func), node.func
        if name == "map" and len(node.args) == 2 and isinstance(node.args[0], ast.Lambda):
            lambda_, elements = node.args[0], self._elements(node.args[1])
            for argument in lambda_.args.args:
                self.known.setdefault(argument.arg, set()).update(elements)
            return self._expression(lambda_.body)
        if isinstance(function, ast.Attribute) and name in ("startswith", "endswith", "match") and given:
            self._compared([function.value, *given])
        if self.passing_over is not None:
            self._picked(given)
        marks = [self._expression(argument) for argument in given]
        every = set().union(*marks) if marks else set()
        receiver = self._expression(function.value) if isinstance(function, ast.Attribute) else set()
        called = self._expression(function) if isinstance(function, ast.Name) else set()
        self.evidence.calls.append((ast.unparse(function)[:120], node.lineno))
        self._sending(node, name, receiver, called, given, marks, every)
        if isinstance(function, ast.Attribute) and name in ("get", "pop", "setdefault") and node.args:
            return self._looked_up(function.value, node.args[:1])
        if says_address(name):
            return {_USER, _NAME} | {mark for mark in every if mark.startswith(_GIVEN)}
        if says_event(name):
            every = every | {_EVENT}
        if says_stored(ast.unparse(function)):
            return receiver | every | {_NAME, _STORED}  # a record, whatever it is named
        found = says_connections(name) and not finds_none(name) and self._finds(name, given, every)
        if found or (name in self.finders and (_is_given(every) or _USER in every)):
            self.evidence.looks_up = True
            return {_LINK, _HELD}
        if _LINK in receiver or _LINK in every:
            return {_LINK} | (every - {_USER})
        return receiver | every

    def _finds(self, name: str, given: list[ast.expr], every: set[str]) -> bool:
        """Whether a call named after connections finds those of somebody: a user, or a key by which they are found."""
        return _USER in every or (says_by_key(name) and len(given) == 1 and self._is_key(given[0], every))

    def _sending(
        self,
        node: ast.Call,
        name: str,
        receiver: set[str],
        called: set[str],
        given: list[ast.expr],
        marks: list[set[str]],
        every: set[str],
    ) -> None:
        evidence = self.evidence
        something = any(mark - {_LINK} or not mark for mark in marks)
        address = any(_USER in mark and not mark & {_LINK, _EVENT} for mark in marks)
        over = hands_over(name) and not publishes(name) and not is_strong(name)
        to_link = bool(marks) and (
            (_LINK in receiver and name in SENDS and (_HELD in receiver or not address))
            or (
                _LINK in receiver
                and _EVENT in every
                and self.family
                and name not in _KEEPS
                and not (name in _ADDS and is_store(self.function.owner))
                and not _TAKES_IN.search(name)
                and (_HELD in receiver or not address)
            )
            or (
                {_LINK, _HELD} <= receiver
                and _EVENT in every
                and name in _ADDS
                and not (says_stored(self.function.short) or is_store(self.function.owner))
            )
            or (_LINK in called)
        )
        callee = ast.unparse(node.func)[:120]
        if to_link:
            evidence.sends_at = evidence.sends_at or node.lineno
            return
        self._sinking(node, marks)
        if _LINK in every and _LINK not in receiver and ((len(marks) > 1 and something) or _EVENT in every):
            says = over and (len(marks) > 1 or self.family)
            sent = Sent(callee, name, node.lineno, says, address)
            if sent not in evidence.sent:
                evidence.sent.append(sent)
        elif marks and _ANY in receiver and name in SENDS and _LINK not in receiver:
            evidence.everybody_at = evidence.everybody_at or node.lineno
        news = [self.family and isinstance(argument, ast.Dict) for argument in given]  # an event made on the spot
        event = _EVENT in every or any(news)
        apart = sum(bool(mark & {_USER, _EVENT}) or new for mark, new in zip(marks, news, strict=True)) > 1
        to_whom = (
            _USER in receiver and _EVENT in every and name in SENDS and _is_user(_root(node.func))
        )  # `room.send(event)`
        if to_whom or every & {_USER, _LINK}:
            says = to_whom or passes_on(name) or is_family(name) or is_strong(name) or _notifies(node)
            apart = apart or to_whom or not _ONE_FRAME.search(name)
            named = any(_USER in mark and (_EVENT in mark or _is_given(mark)) for mark in marks)
            passed = Passed(callee, name, node.lineno, says, event, apart, named or self.evidence.takes_user)
            if passed not in evidence.passes:
                evidence.passes.append(passed)
        # *args and **kwargs are no address
        whole = [isinstance(argument, ast.Starred) for argument in node.args]
        whole += [keyword.arg is None or says_others(keyword.arg) for keyword in node.keywords]
        sources = [
            set() if all_ else {m for m in mark if m.startswith(_GIVEN)}
            for mark, all_ in zip(marks, whole, strict=True)
        ]
        addresses = [source for source, mark in zip(sources, marks, strict=True) if _EVENT not in mark or _USER in mark]
        two = any(one and other - one for one in addresses for other in sources)
        if two or (len(marks) == 1 and sources[0] and _EVENT in every):
            handed = Handed(callee, name, two, _EVENT in every)
            if handed not in evidence.handed:
                evidence.handed.append(handed)

    def _sinking(self, node: ast.Call, marks: list[set[str]]) -> None:
        """`peer.offer(frame)`, where `peer` comes from one parameter and `frame` from another."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr in _KEEPS | _ADDS:
            return
        to = self.known.get(_root(node.func), set())
        whom = {mark for mark in to if mark.startswith(_GIVEN)}
        if whom and any(_EVENT in mark and not whom <= mark for mark in marks):
            self.evidence.sinks = True


def _is_given(marks: Collection[str]) -> bool:
    """Whether it comes from a parameter."""
    return any(mark.startswith(_GIVEN) for mark in marks)


def _notifies(node: ast.Call) -> bool:
    """Whether the call gives a database a NOTIFY."""
    texts = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)]
    return any(isinstance(text, str) and _DATABASE_NOTIFIES.search(text) for text in texts)


_NOT_ALONE = frozenset(["to", "target", "channel", "channels", "group", "groups", "rooms", "subject"])
"""What a parameter may be called that is a user's, and an attribute may not."""


def _is_user(name: str) -> bool:
    return says_user(name) and name.lower().strip("_") not in _NOT_ALONE


def _own_user(node: ast.expr) -> bool:
    """`self.user_id`"""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return _is_user(name)
    return False


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes, subscripts and calls begins with; of `str(x)` that of x."""
    while True:
        match node:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
                node = value
            case ast.Call(func=ast.Name(), args=[argument]):
                node = argument
            case ast.Call(func=function):
                node = function
            case _:
                return ""


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _last(function)
        case ast.Subscript(value=value):
            return _last(value)
    return ""


def _says_nothing(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Continue() | ast.Break():
            return True
        case ast.Return(value=value):
            return value is None or isinstance(value, ast.Constant)
        case ast.Expr(value=ast.Constant()):
            return True
    return False
