"""From evidence to roles: who really broadcasts to a user, who only passes on, who calls them, and what is dangerous.

A function broadcasts to a user when its caller names somebody (a user, room, topic or connection id, in a parameter, a
field of one, or the event) and what to tell them, if only "there is news".

* It is real when by that name it chooses among connections, or what stands for them (queues, callbacks, subscriptions),
  and hands the event to those chosen.
* It is an adapter when it is there to pass the name and the event on to what does so, in the tree or outside it (a
  channel layer, Redis, a push service). Choosing users, whose connections another finds, is passing on.
* An entry point is neither, and calls one of them: what a framework calls with a request or a frame, and whoever tells
  somebody when it has done something else.

Nobody of these: an object that is itself the address (a room with its own sockets), a send to everybody, a worker that
takes events out of a queue, a client that sends its server a frame, what ends a connection or subscription, mail, SMS
and webhooks.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import msgspec

from crosstalk.consolidation.audit.evidence import Evidence, Sent, gather
from crosstalk.consolidation.audit.reading import Function, Module, Tree, read_tree
from crosstalk.consolidation.audit.words import (
    SENDS,
    ends_or_begins,
    is_family,
    is_handler,
    is_strong,
    publishes,
    says_past,
)

_FEW, _SOME, _MANY = 5, 25, 50
"""Statements of a function that does little but pass on what it was given; the same where that is an event, and where
its name says so."""


class Found(msgspec.Struct, frozen=True):
    """A function in its role ("real", "adapter" or "entry"), and the ids of those it delegates to."""

    id: str
    role: str
    path: str
    line: int
    delegates: tuple[str, ...] = ()


class Remark(msgspec.Struct, frozen=True):
    """Something to look at: `rule` is one of RULES."""

    rule: str
    path: str
    line: int
    text: str


RULES = {
    "second-implementation": "More than one function really broadcasts to a user",
    "made-twice": "A broadcaster is instantiated at module level more than once",
    "no-user": "Sends to connections without a user in sight",
    "silent-catch-all": "A catch-all turns errors of broadcasting into silence",
    "circular-delegation": "Delegation goes in a circle, and no real implementation is reached",
}


class Audit(msgspec.Struct, frozen=True):
    """All findings of a tree. `instances` are "module:name = Class", `factories` functions that make a broadcaster."""

    root: str
    files: int
    found: tuple[Found, ...]
    instances: tuple[str, ...]
    factories: tuple[str, ...]
    remarks: tuple[Remark, ...]
    skipped: tuple[str, ...]
    schema: int = 1

    def of(self, role: str) -> tuple[Found, ...]:
        return tuple(found for found in self.found if found.role == role)


def audit(root: Path, tests: bool = False) -> Audit:
    """Read the tree at `root`. Raises FileNotFoundError."""
    return judged(read_tree(root, tests))


def judged(tree: Tree) -> Audit:
    known = _Known(tree)
    known.roles()
    found = []
    for id_, role in known.role.items():
        function = known.function[id_]
        found.append(Found(id_, role, function.path, function.line, tuple(sorted(known.delegates(id_)))))
    for id_, targets in known.entries().items():
        function = known.function[id_]
        found.append(Found(id_, "entry", function.path, function.line, tuple(sorted(targets))))
    order = {"real": 0, "adapter": 1, "entry": 2}
    found.sort(key=lambda f: (order[f.role], f.path, f.line))
    instances, factories = known.made()
    return Audit(
        tree.root,
        len(tree.modules),
        tuple(found),
        tuple(f"{module}:{name} = {class_}" for module, name, class_, _, _ in instances),
        tuple(sorted(factories)),
        tuple(known.remarks(found, instances)),
        tuple(tree.skipped),
    )


class _Known:
    """Everything known of a tree while roles are given."""

    def __init__(self, tree: Tree) -> None:
        self.modules = {module.name: module for module in tree.modules}
        self.function: dict[str, Function] = {}
        self.evidence: dict[str, Evidence] = {}
        self.role: dict[str, str] = {}
        self.by_name: dict[str, list[str]] = defaultdict(list)
        self.targets: dict[tuple[str, str, str, bool], list[str]] = {}
        for module in tree.modules:
            for function in module.functions:
                self.function[function.id] = function
                self.evidence[function.id] = gather(function)
                self.by_name[function.short].append(function.id)
        finders = {name for name, ids in self.by_name.items() if all(self.evidence[id_].finds for id_ in ids)}
        for id_, evidence in self.evidence.items():
            if any(callee.rpartition(".")[2] in finders for callee, _ in evidence.calls):
                self.evidence[id_] = gather(self.function[id_], finders)

    def roles(self) -> None:
        self._real(address=False)
        self._adapters()
        self._real(address=True)
        self._adapters()

    def _adapters(self) -> None:
        changed = True
        while changed:
            more = {id_ for id_ in self.evidence if id_ not in self.role and self._passes_on(id_)}
            self.role |= dict.fromkeys(more, "adapter")
            changed = bool(more)
        changed = True
        while changed:  # whose callees turned out to send to nobody is no adapter; a circle stays, and is remarked on
            fewer = {
                id_ for id_, role in self.role.items() if role == "adapter" and not self._passes_on(id_, sure=True)
            }
            self.role = {id_: role for id_, role in self.role.items() if id_ not in fewer}
            changed = bool(fewer)

    def _real(self, address: bool) -> None:
        """Those that send themselves, or leave that to a call which gets (with `address`) the user's address too."""
        for id_, evidence in self.evidence.items():
            function = self.function[id_]
            family = is_family(function.short)
            if not (evidence.looks_up and (evidence.takes_event or family)) or evidence.abstract or id_ in self.role:
                continue
            if ends_or_begins(function.short) or says_past(function.short):
                continue
            sent = [sent for sent in evidence.sent if sent.address == address and not self._is_handler(id_)]
            both = evidence.takes_event and evidence.takes_user and self._is_about_it(id_)
            said = [one for one in sent if family or (one.says and both)]
            if evidence.sends_at or (any(self._sent(id_, one) for one in said)):
                self.role[id_] = "real"

    def _sent(self, id_: str, sent: Sent) -> bool:
        """Whether a call that gets connections sends to them: found in the tree it does, else its name says so."""
        targets = self._targets(self.function[id_], sent.callee, sent.name, sure=True)
        if not targets:
            return sent.says
        if (sent.address or all(self.evidence[target].takes_person for target in targets)) and any(
            target in self.role for target in targets
        ):
            return False  # what it gets are users, whose connections it finds itself
        return sent.says or any(self.evidence[target].sinks for target in targets)

    def _passes_on(self, id_: str, sure: bool = False) -> bool:
        """Whether it passes a user and an event on. With `sure` a callee found in the tree must have a role itself."""
        evidence, function = self.evidence[id_], self.function[id_]
        if evidence.abstract or self._is_handler(id_):
            return False
        if ends_or_begins(function.short) and not is_family(function.short):
            return False
        if not self._is_about_it(id_):
            return False
        for handed in evidence.handed:
            for target in self._targets(function, handed.callee, handed.name, sure=True):
                if target in self.role and (handed.two or not self.evidence[target].takes_user):
                    return True
            if handed.two and handed.event and publishes(handed.name) and evidence.takes_event and self._family(id_):
                return True
        if not (evidence.takes_user or evidence.takes_event or any(passed.given for passed in evidence.passes)):
            return False
        for passed in evidence.passes:
            targets = self._targets(function, passed.callee, passed.name, sure=True)
            targets = [target for target in targets if not self.evidence[target].abstract]
            if passed.given and any(target in self.role for target in targets):
                return True
            if not passed.says:
                continue
            if sure and any(is_family(self.function[target].short) for target in targets):
                continue
            if passed.given and is_strong(passed.name):
                return True
            if passed.event and passed.apart and self._all(id_, passed.name):
                return True
            if passed.event and passed.apart and passed.given and is_family(function.short):
                return True
        return False

    def _family(self, id_: str) -> bool:
        return is_family(self.function[id_].short)

    def _is_handler(self, id_: str) -> bool:
        function = self.function[id_]
        arguments = [] if self.evidence[id_].takes_user else function.arguments
        return is_handler(function.short, function.decorators, arguments)

    def _is_about_it(self, id_: str) -> bool:
        """Whether it is there to tell somebody something, rather than tells so when it has done something else."""
        function, evidence = self.function[id_], self.evidence[id_]
        if is_family(function.short) and function.short != "dispatch":
            return evidence.statements <= _MANY
        return evidence.statements <= (_SOME if evidence.takes_event else _FEW)

    def _all(self, id_: str, name: str) -> bool:
        """Whether all methods of that name in the tree, abstract ones apart, have a role, and there are any."""
        others = [
            o for o in self.by_name[name] if o != id_ and self.function[o].owner and not self.evidence[o].abstract
        ]
        return bool(others) and all(other in self.role for other in others)

    def delegates(self, id_: str) -> set[str]:
        """Those in a role that an adapter (or a real one) passes on to."""
        function = self.function[id_]
        targets: set[str] = set()
        for passed in self.evidence[id_].passes:
            targets |= {t for t in self._targets(function, passed.callee, passed.name) if t in self.role and t != id_}
        return targets

    def entries(self) -> dict[str, set[str]]:
        """Functions in no role that call one in a role, and whom."""
        found: dict[str, set[str]] = {}
        for id_, evidence in self.evidence.items():
            if id_ in self.role:
                continue
            function = self.function[id_]
            for callee, _ in evidence.calls:
                name = callee.rpartition(".")[2]
                targets = {t for t in self._targets(function, callee, name, sure=True) if t in self.role}
                if targets:
                    found.setdefault(id_, set()).update(targets)
        return found

    # -- who is meant by a callee ------------------------------------------------------------------------------

    def _targets(self, function: Function, callee: str, name: str, sure: bool = False) -> list[str]:
        """See `_found_targets`; asked again and again while roles are given."""
        key = (function.id, callee, name, sure)
        if key not in self.targets:
            self.targets[key] = self._found_targets(function, callee, name, sure)
        return self.targets[key]

    def _found_targets(self, function: Function, callee: str, name: str, sure: bool) -> list[str]:
        """The functions that `callee`, as written in `function`, may be; by its receiver's class where that is known,
        else all of that name (with `sure` only where it is known, or the name says: to a user)."""
        module = self.modules[function.module]
        receiver = callee.rpartition(".")[0]
        if not receiver:
            imported = module.imports.get(name, "")
            wanted = imported if ":" in imported else f"{module.name}:{name}"
            return [id_ for id_ in self.by_name[name] if _same(id_, wanted)]
        class_ = self._class_of(function, module, receiver)
        if class_:
            found = self._method(class_, name, module)
            if found and all(self.evidence[id_].abstract for id_ in found):
                found = [id_ for id_ in self.by_name[name] if self.function[id_].owner]
            if found:
                return found
        package = module.imports.get(receiver, "")
        if package:
            wanted = f"{package.replace(':', '.')}:{name}"
            exact = [id_ for id_ in self.by_name[name] if _same(id_, wanted)]
            if exact:
                return exact
        if sure and not is_strong(name):
            alone = self.by_name[name]
            return alone if len(alone) == 1 and name not in SENDS and alone[0] != function.id else []
        return [id_ for id_ in self.by_name[name] if id_ != function.id]

    def _class_of(self, function: Function, module: Module, receiver: str) -> str:
        if receiver in ("self", "cls"):
            return function.owner
        if receiver == "super()":
            bases = module.bases.get(function.owner, [])
            return bases[0] if bases else ""
        if receiver in function.notes:
            return function.notes[receiver]
        if receiver.startswith("self.") and receiver.count(".") == 1:
            return module.attributes.get((function.owner, receiver[5:]), "")
        for name, class_, _ in module.instances:
            if name == receiver:
                return class_
        imported = module.imports.get(receiver, "")
        if ":" in imported:
            package, _, name = imported.partition(":")
            for other in self.modules.values():
                if other.name == package or other.name.endswith("." + package):
                    for instance, class_, _ in other.instances:
                        if instance == name:
                            return class_
        return ""

    def _method(self, class_: str, name: str, module: Module, depth: int = 0) -> list[str]:
        plain = class_.rpartition(".")[2].partition("[")[0]
        for id_ in self.by_name[name]:
            owner = self.function[id_].owner
            if owner and owner.rpartition(".")[2] == plain:
                return [id_]
        if depth < 8:  # inheritance may go in a circle in code that nobody runs
            for other in (module, *self.modules.values()):
                for known, bases in other.bases.items():
                    if known.rpartition(".")[2] == plain:
                        for base in bases:
                            found = self._method(base, name, other, depth + 1)
                            if found:
                                return found
        return []

    # -- what is made ------------------------------------------------------------------------------------------

    def made(self) -> tuple[list[tuple[str, str, str, str, int]], set[str]]:
        """Module-level instances of classes that broadcast (module, name, class, path, line), and factories of them."""
        classes = {self.function[id_].owner.rpartition(".")[2] for id_ in self.role if self.function[id_].owner}
        instances = [
            (module.name, name, class_.rpartition(".")[2], module.path, line)
            for module in self.modules.values()
            for name, class_, line in module.instances
            if class_.rpartition(".")[2] in classes
        ]
        names = {name for _, name, _, _, _ in instances}
        factories = set()
        for id_, evidence in self.evidence.items():
            short = self.function[id_].short
            makes = any(callee.rpartition(".")[2] in classes for callee, _ in evidence.calls)
            if id_ not in self.role and short != "__init__" and (makes or self._returns(id_, names)):
                factories.add(id_)
        return instances, factories

    def _returns(self, id_: str, names: set[str]) -> bool:
        node = self.function[id_].node
        return any(
            isinstance(inner, ast.Return) and isinstance(inner.value, ast.Name) and inner.value.id in names
            for inner in ast.walk(node)
        )

    # -- remarks -----------------------------------------------------------------------------------------------

    def remarks(self, found: list[Found], instances: list[tuple[str, str, str, str, int]]) -> list[Remark]:
        remarks = []
        real = [one for one in found if one.role == "real"]
        if len(real) > 1:
            remarks += [
                Remark("second-implementation", f.path, f.line, f"{f.id} is one of {len(real)} implementations")
                for f in real
            ]
        by_class: dict[str, list[tuple[str, str, str, str, int]]] = defaultdict(list)
        for instance in instances:
            by_class[instance[2]].append(instance)
        for class_, made in by_class.items():
            for module, name, _, path, line in made[1:]:
                first = f"{made[0][0]}:{made[0][1]}"
                text = (
                    f"{module}:{name} is another {class_} beside {first}: connections of one are unknown to the other"
                )
                remarks.append(Remark("made-twice", path, line, text))
        around = {f.id for f in found}
        for id_, evidence in self.evidence.items():
            function = self.function[id_]
            if evidence.everybody_at and self.role.get(id_) != "real":
                text = f"{id_} sends to connections, and nothing says whose they are"
                remarks.append(Remark("no-user", function.path, evidence.everybody_at, text))
            if evidence.silent and (id_ in around or evidence.sends_at or evidence.everybody_at or _sends(evidence)):
                for line, caught in evidence.silent:
                    text = f"{id_} catches {caught} and says nothing: an event that was not sent looks sent"
                    remarks.append(Remark("silent-catch-all", function.path, line, text))
        remarks += self._circles(found)
        return sorted(remarks, key=lambda r: (list(RULES).index(r.rule), r.path, r.line))

    def _circles(self, found: list[Found]) -> list[Remark]:
        edges = {f.id: f.delegates for f in found if f.role == "adapter"}
        real = {f.id for f in found if f.role == "real"}
        remarks: list[Remark] = []
        told: set[str] = set()
        for start in edges:
            seen, todo = {start}, list(edges[start])
            comes_back = reaches = False
            while todo:
                here = todo.pop()
                comes_back |= here == start
                reaches |= here in real
                if here not in seen:
                    seen.add(here)
                    todo += edges.get(here, ())
            if comes_back and not reaches and not seen & told:
                told |= seen
                function = self.function[start]
                text = f"{' -> '.join(sorted(seen))}: nobody of them sends"
                remarks.append(Remark("circular-delegation", function.path, function.line, text))
        return remarks


def _sends(evidence: Evidence) -> bool:
    return any(callee.rpartition(".")[2].startswith("send_") for callee, _ in evidence.calls)


def _same(id_: str, wanted: str) -> bool:
    return id_ == wanted or id_.endswith("." + wanted) or wanted.endswith("." + id_)
