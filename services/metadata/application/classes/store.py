"""The store for callers: rules of a caller with a list of classes get the tables that it sees."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, cast

from services.metadata.application.classes.tables import SeenTables
from services.metadata.application.ports import Divisible, Gathered, Slow, Stepwise, Store, Tables
from services.metadata.domain.documents.classes import Classes
from services.shared.access import caller

T = TypeVar("T")


class ClassedStore:
    """Runs rules on the tables of a store, as the present caller sees them.

    For callers with all classes, the rules run as they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, query: Callable[[Tables], T]) -> Coroutine[Any, Any, T]:
        """The result of a short query."""
        return self._store.read(_for_caller(query))

    def scan(self, query: Callable[[Tables], T]) -> Coroutine[Any, Any, T]:
        """The result of a query that may read many rows."""
        return self._store.scan(_for_caller(query))

    async def probe(self) -> None:
        """Read a row from the database, not from a cache. Unavailable if that fails."""
        await self._store.probe()

    def write(self, change: Callable[[Tables], T]) -> Coroutine[Any, Any, T]:
        """The result of a change."""
        return self._store.write(_for_caller(change))


def has_classes() -> bool:
    """True if the present caller has a list of classes."""
    return caller.principal.get().classes is not None


def _for_caller(rule: Callable[[Tables], T]) -> Callable[[Tables], T]:
    """The rule on the tables that the present caller sees, as the same kind of change."""
    principal = caller.principal.get()
    if principal.classes is None:
        return rule
    seen = partial(_run_seen, name=principal.name, classes=principal.classes)
    run = partial(seen, rule)
    if isinstance(rule, Stepwise):
        kind = Divisible if isinstance(rule, Divisible) else Stepwise
        return kind(run, lambda: [partial(seen, step) for step in rule.steps()])
    if isinstance(rule, Gathered):
        return Gathered(run, [partial(seen, step) for step in rule.steps])
    return Slow(run) if isinstance(rule, Slow) else run


def _run_seen(rule: Callable[[Tables], T], tables: Tables, *, name: str, classes: Classes) -> T:
    # It lacks methods of Tables, so that a rule for which it was not made fails.
    return rule(cast("Tables", SeenTables(tables, name, classes)))
