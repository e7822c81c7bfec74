"""The values that users and API keys share: scopes and times."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from tams.type.v1 import scope_pb2

ScopeName: TypeAlias = Literal["read", "write", "delete", "admin"]
ScopeNames = Annotated[list[ScopeName], msgspec.Meta(min_length=1, max_length=4)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_NUMBERS: Final[dict[ScopeName, scope_pb2.Scope.ValueType]] = {
    "read": scope_pb2.SCOPE_READ,
    "write": scope_pb2.SCOPE_WRITE,
    "delete": scope_pb2.SCOPE_DELETE,
    "admin": scope_pb2.SCOPE_ADMIN,
}
_NAMES: Final = {number: name for name, number in _NUMBERS.items()}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def numbers_of(names: Iterable[ScopeName]) -> list[scope_pb2.Scope.ValueType]:
    """The scopes in a message."""
    return [_NUMBERS[name] for name in names]


def names_of(numbers: Iterable[scope_pb2.Scope.ValueType]) -> list[ScopeName]:
    """The scopes in JSON. Those of a later version are left out."""
    return [_NAMES[number] for number in numbers if number in _NAMES]


def moment_of(milliseconds: int) -> datetime:
    """The time of milliseconds since 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def milliseconds_of(moment: datetime) -> int:
    """The milliseconds since 1970 of a time."""
    return (moment - _EPOCH) // _MILLISECOND
