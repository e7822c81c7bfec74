import json

import pytest
from tams.access.v1 import user_service_pb2
from tams.type.v1 import classes_pb2, scope_pb2

from gateway.codecs.accounts import user
from gateway.codecs.accounts.user import NewUser, OwnPasswordChange, UserChange
from services.shared.errors import InvalidArgument

SECRET = "planted-password"


def test_representations_have_no_password() -> None:
    assert SECRET not in repr(NewUser(name="alice", password=SECRET, scopes=["read"]))
    assert SECRET not in repr(UserChange(password=SECRET))
    assert SECRET not in repr(OwnPasswordChange(old_password=SECRET, new_password=SECRET))


def test_a_change_has_only_the_members_of_the_body() -> None:
    assert user.update_request("alice", b"{}") == user_service_pb2.UpdateUserRequest(name="alice")
    body = b'{"password": "p", "scopes": ["admin"], "classes": ["a"], "suspended": false}'
    assert user.update_request("alice", body) == user_service_pb2.UpdateUserRequest(
        name="alice",
        password="p",
        scopes=[scope_pb2.SCOPE_ADMIN],
        classes=classes_pb2.Classes(names=["a"]),
        suspended=False,
    )


@pytest.mark.parametrize(
    ("member", "classes"),
    [
        (b"", None),
        (b', "classes": null', None),
        (b', "classes": []', classes_pb2.Classes()),
        (b', "classes": ["*"]', classes_pb2.Classes(names=["*"])),
    ],
)
def test_no_class_differs_from_classes_that_are_not_given(
    member: bytes, classes: classes_pb2.Classes | None
) -> None:
    request = user.create_request(b'{"name": "a", "password": "p", "scopes": ["read"]' + member + b"}")
    assert (request.classes if request.HasField("classes") else None) == classes


def test_a_user_has_the_classes_of_the_message() -> None:
    message = user_service_pb2.User(name="alice", classes=classes_pb2.Classes(names=["a", "b"]))
    assert json.loads(user.document(message))["classes"] == ["a", "b"]
    message.classes.Clear()
    assert json.loads(user.document(message))["classes"] == []
    assert json.loads(user.document(user_service_pb2.User(name="alice")))["classes"] == ["*"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "alice", "password": ["planted-password"], "scopes": ["read"]}',
        b'{"name": "alice", "password": "planted-password", "scopes": ["read"], "more": "planted-password"}',
        b'{"name": "alice", "password": "planted-password',
        b'{"name": "alice", "password": "planted-password\xff"}',
        b'{"name": "alice", "password": "planted-password", "scopes": ["planted-password"]}',
    ],
)
def test_errors_of_a_body_do_not_repeat_the_password(body: bytes) -> None:
    with pytest.raises(InvalidArgument) as refused:
        user.create_request(body)
    # An unknown scope is quoted, but the member of the password is not.
    assert SECRET not in refused.value.summary.replace(f"'{SECRET}'", "")
