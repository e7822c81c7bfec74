"""Callers of the store, as authentication knows them, and the scopes that they have."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple


class Scope(StrEnum):
    """A permission of callers. ADMIN includes READ, WRITE and DELETE; SERVICE is for our own processes."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    ADMIN = "admin"
    SERVICE = "service"


# The scopes that callers from outside can have.
GRANTED: Final = frozenset({Scope.READ, Scope.WRITE, Scope.DELETE, Scope.ADMIN})


class Limit(NamedTuple):
    """The methods of HTTP that a token in a URL allows, and the one flow if `flow_id` is not empty."""

    methods: frozenset[str]
    flow_id: str = ""


class Principal(NamedTuple):
    """An authenticated caller: its name, such as `user:alice` or `key:ingest-1`, and its scopes.

    `limit` is None unless the caller showed a token that allows less than its scopes do. `classes` has the
    classes of sources and flows that the caller may see; None means all of them, and those without a class.
    """

    name: str
    scopes: frozenset[Scope]
    limit: Limit | None = None
    classes: frozenset[str] | None = None

    @classmethod
    def of(cls, name: str, scopes: Iterable[Scope], classes: frozenset[str] | None = None) -> "Principal":
        """A principal with these scopes and classes. ADMIN includes the other scopes, and all classes."""
        own = frozenset(scopes)
        if Scope.ADMIN in own:
            return cls(name, own | GRANTED)
        return cls(name, own, classes=classes)


# Calls of a store without access control, and work that a service does by itself.
SYSTEM: Final = Principal("system", frozenset(Scope))
