"""Scopes in messages."""

from collections.abc import Iterable
from typing import Final

from tams.type.v1 import scope_pb2

from services.shared.access.principal import Scope
from services.shared.errors import InvalidArgument
from services.shared.rpc.scopes import SCOPES

_NUMBERS: Final = {scope: scope_pb2.Scope.ValueType(number) for number, scope in SCOPES.items()}


def numbers_of(scopes: Iterable[Scope]) -> list[scope_pb2.Scope.ValueType]:
    """The numbers of scopes in the enum, ascending."""
    return sorted(_NUMBERS[scope] for scope in scopes)


def scopes_of(numbers: Iterable[int]) -> frozenset[Scope]:
    """The scopes of numbers in a request. InvalidArgument BAD_SCOPES for an unknown number."""
    try:
        return frozenset(SCOPES[number] for number in numbers)
    except KeyError:
        raise InvalidArgument("a scope is unknown", reason="BAD_SCOPES", path="$.scopes") from None
