"""The reasons of errors that the code behind an RPC can raise, found by following its names.

From a function the walk continues to the functions, classes, modules and tables of functions that it names,
to the types of `self`'s members, and to methods of the service's domain. The walk ends at ports, because
engines have their own errors.
"""

import dis
import inspect
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any, get_type_hints

_REASON = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_CONTAINERS = (tuple, list, frozenset, dict)


def reasons_of(functions: Iterable[tuple[FunctionType, type | None]], service: str) -> set[str]:
    """The texts in the form of reasons in code that some functions can reach. A method needs its class."""
    walk = _Walk(service)
    for function, owner in functions:
        walk.visit(function, owner)
    return walk.reasons


class _Walk:
    def __init__(self, service: str) -> None:
        self._roots = (f"services.{service}.", "services.shared.")
        self._domain = f"services.{service}.domain."
        self._seen: set[tuple[FunctionType, type | None]] = set()
        self.reasons: set[str] = set()

    def visit(self, function: FunctionType, owner: type | None = None) -> None:
        if (function, owner) in self._seen or not function.__module__.startswith(self._roots):
            return
        self._seen.add((function, owner))
        classes = self._values(function)
        if owner is not None:
            classes |= {owner, *_member_types(owner)}
        attributes = set()
        for code in _codes(function.__code__):
            self._note(code.co_consts)
            for name, path in _names(code):
                attributes |= {*path}
                if name in function.__globals__:
                    self._follow(function.__globals__[name], path, classes)
        for cls in classes:
            self._methods(cls, attributes)

    def _values(self, function: FunctionType) -> set[type]:
        """The types of the domain that a function's module names, as ports may return values of them."""
        kinds = function.__globals__.values()
        return {kind for kind in kinds if isinstance(kind, type) and kind.__module__.startswith(self._domain)}

    def _note(self, values: Iterable[Any]) -> None:
        for value in values:
            if isinstance(value, str) and _REASON.fullmatch(value):
                self.reasons.add(value)
            elif type(value) is tuple:
                self._note(value)

    def _follow(self, value: Any, path: Sequence[str], classes: set[type]) -> None:
        """Visit the value of a global name, and the attributes that follow the name."""
        self._note([value])
        value = value.func if isinstance(value, partial) else value
        if isinstance(value, FunctionType):
            self.visit(inspect.unwrap(value))
        elif isinstance(value, type):
            classes.add(value)
            self._methods(value, {"__init__", "__call__", *path})
        elif isinstance(value, ModuleType):
            if path and hasattr(value, path[0]):
                self._follow(getattr(value, path[0]), path[1:], classes)
        elif isinstance(value, _CONTAINERS):
            for item in value.values() if isinstance(value, dict) else value:
                self._follow(item, (), classes)

    def _methods(self, cls: type, names: Collection[str]) -> None:
        for name in names:
            method = inspect.getattr_static(cls, name, None)
            method = getattr(method, "fget", None) or getattr(method, "__func__", method)
            if isinstance(method, FunctionType):
                self.visit(method, cls)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and that of the functions inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _names(code: CodeType) -> Iterator[tuple[str, Sequence[str]]]:
    """The names that code loads, each with the chain of attributes after it."""
    name, path = "", []
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path.append(step.argval)
        elif step.opname.startswith("LOAD_"):
            yield name, path
            name, path = str(step.argval) if step.opname == "LOAD_GLOBAL" else "", []
    yield name, path


def _member_types(cls: type) -> Iterator[type]:
    """The types of a constructor's parameters, without ports."""
    constructor = inspect.getattr_static(cls, "__init__", None)
    if isinstance(constructor, FunctionType):
        for kind in get_type_hints(constructor).values():
            if isinstance(kind, type) and ".ports" not in kind.__module__:
                yield kind
