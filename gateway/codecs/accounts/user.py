"""Users: JSON to protobuf and back. Passwords only come in."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from tams.access.v1 import user_service_pb2

from gateway.codecs import decoding
from gateway.codecs.accounts.values import (
    ClassNames,
    ScopeName,
    ScopeNames,
    class_names,
    classes_message,
    moment_of,
    names_of,
    numbers_of,
)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user."""

    name: str
    scopes: list[ScopeName]
    classes: list[str]
    suspended: bool
    created: datetime
    changed: datetime


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to create."""

    name: str
    password: str
    scopes: ScopeNames
    classes: ClassNames | None = None

    def __repr__(self) -> str:
        """The name alone, because the password must not appear in a log."""
        return f"NewUser(name={self.name!r})"


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a user. What is None stays."""

    password: str | None = None
    scopes: ScopeNames | None = None
    classes: ClassNames | None = None
    suspended: bool | None = None

    def __repr__(self) -> str:
        """No members, because the password must not appear in a log."""
        return "UserChange()"


class OwnPasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The passwords of the caller."""

    old_password: str
    new_password: str

    def __repr__(self) -> str:
        """No members, because passwords must not appear in a log."""
        return "OwnPasswordChange()"


_new: Final = msgspec.json.Decoder(NewUser)
_own: Final = msgspec.json.Decoder(OwnPasswordChange)
_change: Final = msgspec.json.Decoder(UserChange)


def create_request(body: bytes) -> user_service_pb2.CreateUserRequest:
    """The user in a body. InvalidArgument for a body that does not fit."""
    new = decoding.decode(_new, body)
    return user_service_pb2.CreateUserRequest(
        name=new.name,
        password=new.password,
        scopes=numbers_of(new.scopes),
        classes=classes_message(new.classes),
    )


def update_request(name: str, body: bytes) -> user_service_pb2.UpdateUserRequest:
    """The change in a body. InvalidArgument for a body that does not fit."""
    change = decoding.decode(_change, body)
    return user_service_pb2.UpdateUserRequest(
        name=name,
        password=change.password,
        scopes=numbers_of(change.scopes or ()),
        classes=classes_message(change.classes),
        suspended=change.suspended,
    )


def own_password_request(body: bytes) -> user_service_pb2.ChangeOwnPasswordRequest:
    """The passwords in a body. InvalidArgument for a body that does not fit."""
    change = decoding.decode(_own, body)
    return user_service_pb2.ChangeOwnPasswordRequest(
        old_password=change.old_password, new_password=change.new_password
    )


def document(user: user_service_pb2.User) -> bytes:
    """The JSON of a user."""
    return msgspec.json.encode(_user(user))


def listing(users: Iterable[user_service_pb2.User]) -> bytes:
    """The JSON of a list of users."""
    return msgspec.json.encode({"users": list(map(_user, users))})


def _user(user: user_service_pb2.User) -> User:
    return User(
        name=user.name,
        scopes=names_of(user.scopes),
        classes=class_names(user),
        suspended=user.suspended,
        created=moment_of(user.created_ms),
        changed=moment_of(user.changed_ms),
    )
