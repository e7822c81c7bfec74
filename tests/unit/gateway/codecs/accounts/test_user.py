import pytest
from tams.access.v1 import user_service_pb2
from tams.type.v1 import scope_pb2

from gateway.codecs.accounts import user
from gateway.codecs.accounts.user import NewUser, UserChange
from services.shared.errors import InvalidArgument

SECRET = "planted-password"


def test_representations_have_no_password() -> None:
    assert SECRET not in repr(NewUser(name="alice", password=SECRET, scopes=["read"]))
    assert SECRET not in repr(UserChange(password=SECRET))


def test_a_change_has_only_the_members_of_the_body() -> None:
    assert user.update_request("alice", b"{}") == user_service_pb2.UpdateUserRequest(name="alice")
    body = b'{"password": "p", "scopes": ["admin"], "suspended": false}'
    assert user.update_request("alice", body) == user_service_pb2.UpdateUserRequest(
        name="alice", password="p", scopes=[scope_pb2.SCOPE_ADMIN], suspended=False
    )


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
