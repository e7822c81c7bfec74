"""Users, API keys and their credentials over gRPC."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from tams.access.v1 import (
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    credential_service_pb2,
    credential_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
)
from tams.type.v1 import classes_pb2, scope_pb2

from services.access.accounts import RpcAccounts
from services.metadata.bootstrap import running
from services.metadata.settings import Settings
from services.shared.access.principal import GRANTED, Principal
from services.shared.errors import (
    AlreadyExists,
    Exhausted,
    InvalidArgument,
    NotFound,
    TamsError,
    Unauthenticated,
)
from services.shared.rpc.client import call, open_channel
from tests.support.processes.polling import until

READ, ADMIN, SERVICE = scope_pb2.SCOPE_READ, scope_pb2.SCOPE_ADMIN, scope_pb2.SCOPE_SERVICE
PASSWORD = "correct horse"
DESCRIPTORS = [
    user_service_pb2.DESCRIPTOR.services_by_name["UserService"],
    api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"],
    credential_service_pb2.DESCRIPTOR.services_by_name["CredentialService"],
]


class Accounts:
    """Stubs of the services for accounts."""

    def __init__(self, channel: aio.Channel) -> None:
        self.users = user_service_pb2_grpc.UserServiceStub(channel)
        self.keys = api_key_service_pb2_grpc.ApiKeyServiceStub(channel)
        self.credentials = credential_service_pb2_grpc.CredentialServiceStub(channel)
        self.checks = RpcAccounts(channel)

    async def create_user(self, name: str = "alice", scope: scope_pb2.Scope.ValueType = READ) -> Any:
        request = user_service_pb2.CreateUserRequest(name=name, password=PASSWORD, scopes=[scope])
        return await call(self.users.CreateUser, request)

    async def create_key(self, name: str = "ingest", **more: Any) -> Any:
        request = api_key_service_pb2.CreateApiKeyRequest(name=name, scopes=[ADMIN], **more)
        return await call(self.keys.CreateApiKey, request)

    async def key(self, key_id: str) -> api_key_service_pb2.ApiKey:
        return await call(self.keys.GetApiKey, api_key_service_pb2.GetApiKeyRequest(id=key_id))


@asynccontextmanager
async def serving_accounts(path: Path, **settings: Any) -> AsyncIterator[Accounts]:
    quick: dict[str, Any] = {"port": 0, "drain_seconds": 0, "grace_seconds": 1}
    async with (
        running(Settings(store_url=f"sqlite:///{path}", **(quick | settings))) as server,
        open_channel(f"127.0.0.1:{server.port}", DESCRIPTORS) as channel,
    ):
        yield Accounts(channel)


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[Accounts]:
    async with serving_accounts(tmp_path / "tables.db") as serving:
        yield serving


async def test_a_user_is_created_changed_listed_and_removed(accounts: Accounts) -> None:
    created = await accounts.create_user()
    assert (created.name, list(created.scopes), created.suspended) == ("alice", [READ], False)
    change = user_service_pb2.UpdateUserRequest(name="alice", scopes=[ADMIN], suspended=True)
    changed = await call(accounts.users.UpdateUser, change)
    assert (list(changed.scopes), changed.suspended) == ([ADMIN], True)
    found = await call(accounts.users.GetUser, user_service_pb2.GetUserRequest(name="alice"))
    listed = await call(accounts.users.ListUsers, user_service_pb2.ListUsersRequest())
    assert list(listed.users) == [found] == [changed]
    await call(accounts.users.DeleteUser, user_service_pb2.DeleteUserRequest(name="alice"))
    assert not (await call(accounts.users.ListUsers, user_service_pb2.ListUsersRequest())).users


async def test_a_key_is_created_rotated_suspended_listed_and_removed(accounts: Accounts) -> None:
    new = await accounts.create_key(expires_ms=4_000_000_000_000)
    assert (new.key.name, new.key.expires_ms) == ("ingest", 4_000_000_000_000)
    assert not new.key.HasField("last_used_ms")
    assert (await accounts.checks.check_key(new.text)).expires_at == 4_000_000_000
    rotated = await call(accounts.keys.RotateApiKey, api_key_service_pb2.RotateApiKeyRequest(id=new.key.id))
    with pytest.raises(Unauthenticated):
        await accounts.checks.check_key(new.text)
    assert (await accounts.checks.check_key(rotated.text)).principal == Principal("key:ingest", GRANTED)
    suspension = api_key_service_pb2.SuspendApiKeyRequest(id=new.key.id, suspended=True)
    assert (await call(accounts.keys.SuspendApiKey, suspension)).suspended
    listed = await call(accounts.keys.ListApiKeys, api_key_service_pb2.ListApiKeysRequest())
    assert [(key.id, key.suspended) for key in listed.keys] == [(new.key.id, True)]
    assert new.text.rpartition("_")[2] not in str(listed)
    await call(accounts.keys.DeleteApiKey, api_key_service_pb2.DeleteApiKeyRequest(id=new.key.id))
    with pytest.raises(NotFound):
        await accounts.key(new.key.id)


async def test_the_last_use_of_a_key_is_recorded(accounts: Accounts) -> None:
    new = await accounts.create_key()
    await accounts.checks.check_key(new.text)

    async def is_recorded() -> bool:
        return (await accounts.key(new.key.id)).HasField("last_used_ms")

    await until(is_recorded)


async def test_accounts_outlive_the_process(tmp_path: Path) -> None:
    async with serving_accounts(tmp_path / "tables.db") as first:
        await first.create_user()
        text = (await first.create_key()).text
    async with serving_accounts(tmp_path / "tables.db") as second:
        assert (await second.checks.check_password("alice", PASSWORD)).principal.name == "user:alice"
        assert (await second.checks.check_key(text)).principal.name == "key:ingest"


async def test_a_caller_has_the_classes_of_its_account(accounts: Accounts) -> None:
    for name, classes, expected in (
        ("all", None, None),
        ("every", ["*"], None),
        ("some", ["sport", "news"], {"news", "sport"}),
        ("none", [], frozenset()),
    ):
        given = None if classes is None else classes_pb2.Classes(names=classes)
        request = user_service_pb2.CreateUserRequest(
            name=name, password=PASSWORD, scopes=[READ], classes=given
        )
        user = await call(accounts.users.CreateUser, request)
        assert list(user.classes.names) == sorted(classes or ["*"] if classes != [] else [])
        assert (await accounts.checks.check_password(name, PASSWORD)).principal.classes == expected
        key = await call(
            accounts.keys.CreateApiKey,
            api_key_service_pb2.CreateApiKeyRequest(name=name, scopes=[READ], classes=given),
        )
        assert key.key.classes == user.classes
        assert (await accounts.checks.check_key(key.text)).principal.classes == expected
    change = user_service_pb2.UpdateUserRequest(name="some", classes=classes_pb2.Classes(names=["archive"]))
    assert list((await call(accounts.users.UpdateUser, change)).classes.names) == ["archive"]
    untouched = user_service_pb2.UpdateUserRequest(name="some", suspended=False)
    assert list((await call(accounts.users.UpdateUser, untouched)).classes.names) == ["archive"]


async def test_a_user_changes_the_own_password_over_the_wire(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with serving_accounts(path) as opened:
        await opened.create_user()
        key = (await opened.create_key()).text
    settings = {"auth": "required", "service_secret": "s" * 32}
    async with serving_accounts(path, **settings) as serving:

        async def change(authorization: str) -> None:
            await serving.users.ChangeOwnPassword(
                user_service_pb2.ChangeOwnPasswordRequest(old_password=PASSWORD, new_password="another one"),
                metadata=(("authorization", authorization),),
            )

        basic = b64encode(f"alice:{PASSWORD}".encode()).decode()
        with pytest.raises(aio.AioRpcError) as refused:
            await change(f"Bearer {key}")
        assert refused.value.code().name == "NOT_FOUND"
        await change(f"Basic {basic}")
        with pytest.raises(aio.AioRpcError) as wrong:
            await change(f"Basic {basic}")
        assert wrong.value.code().name == "PERMISSION_DENIED"


async def test_each_documented_error_occurs(accounts: Accounts) -> None:
    await accounts.create_user()
    await accounts.create_key()
    unknown = "0" * 16
    bad_scope = user_service_pb2.CreateUserRequest(name="bob", password=PASSWORD, scopes=[SERVICE])
    unset_scope = user_service_pb2.CreateUserRequest(
        name="bob", password=PASSWORD, scopes=[scope_pb2.SCOPE_UNSPECIFIED]
    )
    short = user_service_pb2.UpdateUserRequest(name="alice", password="short")
    bad_class = user_service_pb2.UpdateUserRequest(name="alice", classes=classes_pb2.Classes(names=["a b"]))
    cases: list[tuple[Any, Any, type[TamsError], str]] = [
        (accounts.users.CreateUser, bad_scope, InvalidArgument, "BAD_SCOPES"),
        (accounts.users.CreateUser, unset_scope, InvalidArgument, "BAD_SCOPES"),
        (accounts.users.UpdateUser, short, InvalidArgument, "BAD_PASSWORD"),
        (accounts.users.UpdateUser, bad_class, InvalidArgument, "BAD_CLASSES"),
        (
            accounts.users.ChangeOwnPassword,
            user_service_pb2.ChangeOwnPasswordRequest(),
            NotFound,
            "USER_NOT_FOUND",
        ),
        (accounts.users.GetUser, user_service_pb2.GetUserRequest(), NotFound, "USER_NOT_FOUND"),
        (
            accounts.keys.GetApiKey,
            api_key_service_pb2.GetApiKeyRequest(id=unknown),
            NotFound,
            "KEY_NOT_FOUND",
        ),
    ]
    for method, request, kind, reason in cases:
        with pytest.raises(kind) as refused:
            await call(method, request)
        assert refused.value.reason == reason
    for creation, reason in ((accounts.create_user(), "USER_EXISTS"), (accounts.create_key(), "KEY_EXISTS")):
        with pytest.raises(AlreadyExists) as exists:
            await creation
        assert exists.value.reason == reason
    with pytest.raises(InvalidArgument) as bad_name:
        await accounts.create_user("Alice")
    assert bad_name.value.reason == "BAD_USER"
    with pytest.raises(InvalidArgument) as bad_key:
        await accounts.create_key("other", expires_ms=1)
    assert bad_key.value.reason == "BAD_KEY"


async def test_too_many_wrong_passwords_are_refused_with_the_time_to_wait(accounts: Accounts) -> None:
    await accounts.create_user()
    # A slow machine lets some attempts pass after the first block, but each doubles the next one.
    attempts = (accounts.checks.check_password("alice", f"wrong {number}") for number in range(20))
    refusals = [await raised(attempt) for attempt in attempts]
    assert {type(refusal) for refusal in refusals[:10]} == {Unauthenticated}
    refused = next(refusal for refusal in refusals if isinstance(refusal, Exhausted))
    assert refused.reason == "TOO_MANY_ATTEMPTS"
    assert int(refused.metadata["retry_after_seconds"]) >= 1


async def raised(attempt: Awaitable[object]) -> TamsError:
    with pytest.raises(TamsError) as error:
        await attempt
    return error.value


async def test_credentials_are_not_checked_for_callers_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with serving_accounts(path) as opened:
        key = await opened.create_key()
    settings = {"auth": "required", "service_secret": "s" * 32}
    async with serving_accounts(path, **settings) as serving:
        metadata = (("authorization", f"Bearer {key.text}"),)
        listed = await serving.users.ListUsers(user_service_pb2.ListUsersRequest(), metadata=metadata)
        assert list(listed.users) == []
        for request in ((), (("authorization", "Basic bm9ib2R5Ong="),)):
            with pytest.raises(aio.AioRpcError) as unknown:
                await serving.users.ListUsers(user_service_pb2.ListUsersRequest(), metadata=request)
            assert unknown.value.code().name == "UNAUTHENTICATED"
        with pytest.raises(aio.AioRpcError) as refused:
            await serving.credentials.CheckKey(
                credential_service_pb2.CheckKeyRequest(key=key.text), metadata=metadata
            )
        assert refused.value.code().name == "PERMISSION_DENIED"


async def test_listings_have_pages(accounts: Accounts) -> None:
    for name in ("alice", "bob", "carol"):
        await accounts.create_user(name=name)
        await accounts.create_key(name=name)
    users, keys = accounts.users.ListUsers, accounts.keys.ListApiKeys
    first = await call(users, user_service_pb2.ListUsersRequest(page_size=2))
    assert ([user.name for user in first.users], first.page_size) == (["alice", "bob"], 2)
    rest = user_service_pb2.ListUsersRequest(page_size=2, page_token=first.next_page_token)
    last = await call(users, rest)
    assert ([user.name for user in last.users], last.next_page_token) == (["carol"], "")
    page = await call(keys, api_key_service_pb2.ListApiKeysRequest(page_size=1))
    assert ([key.name for key in page.keys], page.page_size) == (["alice"], 1)
    # A token of one listing is not one of the other.
    with pytest.raises(InvalidArgument, match="page"):
        await call(keys, api_key_service_pb2.ListApiKeysRequest(page_token=first.next_page_token))
    with pytest.raises(InvalidArgument, match="page"):
        await call(users, user_service_pb2.ListUsersRequest(page_token="x"))
