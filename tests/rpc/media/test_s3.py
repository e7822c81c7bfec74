"""The S3 adapter against stores that refuse requests, lack operations, or fail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.media.adapters.s3.storage import S3Storage
from services.media.domain.credentials import Credentials
from services.media.domain.storage_backend import AddressingStyle, ServerSideEncryption
from services.shared.errors import Unavailable
from tests.support.http.scripted_server import ScriptedServer, scripted_server
from tests.support.storage.backends import a_backend


def refusal(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


@pytest.fixture
def store() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def storage(store: ScriptedServer) -> Iterator[Callable[..., S3Storage]]:
    opened: list[S3Storage] = []

    def open_storage(**changes: Any) -> S3Storage:
        backend = a_backend(**{"endpoint_url": store.url, "create_bucket": True} | changes)
        opened.append(S3Storage(backend, threads=1))
        return opened[-1]

    yield open_storage
    for s3_storage in opened:
        s3_storage.close()


async def test_a_missing_bucket_is_created_in_its_region(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    store.then(404)
    store.then(200)
    store.then(200)
    await storage(region="eu-west-2").prepare()
    look, create, cors = store.requests
    assert (look.method, create.method, create.target) == ("HEAD", "PUT", "/tams")
    assert b"<LocationConstraint>eu-west-2</LocationConstraint>" in create.body
    assert (cors.method, cors.target) == ("PUT", "/tams?cors")
    assert b"<AllowedOrigin>*</AllowedOrigin>" in cors.body


async def test_a_bucket_that_another_replica_created_meanwhile_is_used(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    store.then(404)
    store.then(409, refusal("BucketAlreadyOwnedByYou"))
    store.then(200)
    await storage().prepare()
    assert len(store.requests) == 3


async def test_a_store_without_cors_rules_is_used_and_logged(
    store: ScriptedServer, storage: Callable[..., S3Storage], caplog: pytest.LogCaptureFixture
) -> None:
    store.then(200)
    store.then(501, refusal("NotImplemented"))
    await storage().prepare()
    assert "storage does not accept CORS rules" in caplog.text


@pytest.mark.parametrize("before", [(403, 403), (404,)])
async def test_a_refusal_at_any_step_has_its_reason(
    store: ScriptedServer, storage: Callable[..., S3Storage], before: tuple[int, ...]
) -> None:
    for status in before:
        store.then(status)
    store.then(403, refusal("AccessDenied"))
    with pytest.raises(Unavailable, match=r"storage local refuses the request: (403|AccessDenied) for"):
        await storage().prepare()


async def test_a_key_that_may_not_set_cors_rules_serves(
    store: ScriptedServer, storage: Callable[..., S3Storage], caplog: pytest.LogCaptureFixture
) -> None:
    store.then(200)
    store.then(403, refusal("AccessDenied"))
    await storage().prepare()
    assert "storage does not accept CORS rules" in caplog.text


async def test_a_key_that_may_not_look_at_the_bucket_looks_below_the_prefix(
    store: ScriptedServer, storage: Callable[..., S3Storage], caplog: pytest.LogCaptureFixture
) -> None:
    bucket = storage(prefix="media/", create_bucket=False)
    store.then(403)
    store.then(404)
    await bucket.prepare()
    await bucket.check()
    assert [(request.method, request.target) for request in store.requests] == [
        ("HEAD", "/tams"),
        ("HEAD", "/tams/media/.tams-access"),
        ("HEAD", "/tams/media/.tams-access"),
    ]
    assert caplog.text.count("may not look at the bucket") == 1


async def test_storage_that_hides_missing_objects_gets_one_to_look_at(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    bucket = storage(create_bucket=False, server_side_encryption=ServerSideEncryption.AES256)
    for status in (403, 403, 200):
        store.then(status)
    await bucket.prepare()
    put = store.requests[-1]
    assert (put.method, put.target, put.body) == ("PUT", "/tams/.tams-access", b"")
    assert put.headers["x-amz-server-side-encryption"] == "AES256"
    # An object that may not be looked at is missing as long as that one may be.
    store.then(403)
    store.then(200)
    assert await bucket.size("a") is None
    store.then(403)
    store.then(403)
    with pytest.raises(Unavailable):
        await bucket.size("a")


async def test_a_key_that_may_not_list_reads_each_size(
    store: ScriptedServer, storage: Callable[..., S3Storage], caplog: pytest.LogCaptureFixture
) -> None:
    store.then(403, refusal("AccessDenied"))
    bucket = storage()
    for _ in range(2):
        assert await bucket.list_sizes([f"a/{number}" for number in range(9)]) == {}
    assert len(store.requests) == 1
    assert caplog.text.count("may not list objects") == 1


async def test_the_bucket_can_be_in_the_host_and_below_a_path(
    store: ScriptedServer, storage: Callable[..., S3Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stands in as a proxy, so that no name must be resolved."""
    monkeypatch.setenv("HTTP_PROXY", store.url)
    for style, url in (
        ("virtual", "http://tams.s3.example/s3/a/b"),
        ("path", "http://s3.example/s3/tams/a/b"),
    ):
        store.then(200, ETag='"x"')
        bucket = storage(endpoint_url="http://s3.example/s3/", addressing_style=AddressingStyle(style))
        assert await bucket.size("a/b") == 0
        assert store.requests[-1].target == url


async def test_a_failure_of_the_store_is_not_a_missing_object(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    store.then(404)
    assert await storage().size("a") is None
    for status in (403, 500, 503):
        store.then(status)
        with pytest.raises(Unavailable):
            await storage().size("a")
    store.then(cut=True)
    with pytest.raises(Unavailable):
        await storage().size("a")


async def test_requests_are_signed_with_the_keys_of_the_backend(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    store.then(404)
    await storage(credentials=Credentials("own-key", "own-secret", "own-token")).size("a")
    (look,) = store.requests
    assert "Credential=own-key/" in look.headers["Authorization"]
    assert look.headers["X-Amz-Security-Token"] == "own-token"


async def test_other_keys_are_tried_without_using_them(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    tried, used = Credentials("new-key", "new-secret", "new-token"), Credentials("own-key", "own-secret")
    bucket = storage(credentials=used)
    for statuses, is_accepted in (
        ((200,), True),
        ((404,), True),
        ((400,), False),
        ((401,), False),
        ((403, 403, 403), False),
        ((403, 404), True),
    ):
        for status in statuses:
            store.then(status)
        assert await bucket.accepts(tried) is is_accepted
        assert "Credential=new-key/" in store.requests[-1].headers["Authorization"]
    store.then(503)
    with pytest.raises(Unavailable):
        await bucket.accepts(tried)
    store.then(404)
    assert await bucket.size("a") is None
    assert "Credential=own-key/" in store.requests[-1].headers["Authorization"]


async def test_settings_of_other_tools_in_the_environment_are_ignored(
    store: ScriptedServer, storage: Callable[..., S3Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    store.then(200, b"", ETag='"x"')
    assert await storage().size("a") == 0


async def test_the_deletion_of_a_missing_object_succeeds(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    store.then(204)
    await storage().delete("a/b")
    assert (store.requests[0].method, store.requests[0].target) == ("DELETE", "/tams/a/b")
    store.then(404, refusal("NoSuchKey"))
    await storage().delete("a/b")


async def test_a_refused_deletion_is_an_error(
    store: ScriptedServer, storage: Callable[..., S3Storage]
) -> None:
    for status, code in ((403, "AccessDenied"), (404, "NoSuchBucket"), (503, "SlowDown")):
        store.then(status, refusal(code))
        with pytest.raises(Unavailable):
            await storage().delete("a")


@pytest.mark.parametrize("path", ["", "/x", "../x", "a/../../other", "a//b", "a\0b", "x" * 1025])
async def test_an_invalid_key_is_never_requested(
    store: ScriptedServer, storage: Callable[..., S3Storage], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The URL of an invalid key may name another object or the bucket. Its object counts as missing."""
    s3_storage = storage()
    for _ in range(2):
        assert await s3_storage.size(path) is None
        await s3_storage.delete(path)
        assert await s3_storage.list_sizes([path] * 9) == {}
    assert not store.requests
    assert caplog.text.count("is not a valid key") == 1
