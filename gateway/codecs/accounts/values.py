"""The values that users and API keys share: scopes, classes and times."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from tams.access.v1 import api_key_service_pb2, user_service_pb2
from tams.type.v1 import classes_pb2, scope_pb2

from services.shared.access.classes import ALL, MAX_CLASSES

ScopeName: TypeAlias = Literal["read", "write", "delete", "admin"]
ScopeNames = Annotated[list[ScopeName], msgspec.Meta(min_length=1, max_length=4)]
# The names are checked by metadata.
ClassNames = Annotated[list[str], msgspec.Meta(max_length=MAX_CLASSES)]
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


def classes_message(names: Iterable[str] | None) -> classes_pb2.Classes | None:
    """The classes in a message."""
    return None if names is None else classes_pb2.Classes(names=names)


def class_names(message: user_service_pb2.User | api_key_service_pb2.ApiKey) -> list[str]:
    """The classes of a user or key in JSON: `*` for all, which one of an earlier version has."""
    return list(message.classes.names) if message.HasField("classes") else [ALL]


def moment_of(milliseconds: int) -> datetime:
    """The time of milliseconds since 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def milliseconds_of(moment: datetime) -> int:
    """The milliseconds since 1970 of a time."""
    return (moment - _EPOCH) // _MILLISECOND
