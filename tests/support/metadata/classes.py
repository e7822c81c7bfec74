"""Callers with classes for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.shared.access import caller
from services.shared.access.classes import TAG
from services.shared.access.principal import Principal, Scope
from services.shared.errors import PermissionDenied

NAME = "user:reporter"
SCOPES = (Scope.READ, Scope.WRITE, Scope.DELETE)


@contextmanager
def seen_by(*classes: str, name: str = NAME) -> Iterator[None]:
    """Make the calls in the block those of a caller with these classes; with none, it sees nothing."""
    token = caller.principal.set(Principal.of(name, SCOPES, frozenset(classes)))
    try:
        yield
    finally:
        caller.principal.reset(token)


@contextmanager
def outside_classes() -> Iterator[None]:
    """Expect PermissionDenied OUTSIDE_CLASSES."""
    with pytest.raises(PermissionDenied) as raised:
        yield
    assert raised.value.reason == "OUTSIDE_CLASSES"


def tags_of(*classes: str, **more: str) -> dict[str, str]:
    """Tags with these classes."""
    return {TAG: ",".join(classes), **more} if classes else more
