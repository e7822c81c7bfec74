"""The S3 adapter against stores with ways of their own."""

import pytest

from services.media.adapters.s3 import S3Storage
from services.media.domain.presign import Credentials
from services.shared.errors import Unavailable
from tests.support.scripted_server import scripted_server
from tests.support.storage import a_backend


def refusal(code):
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


@pytest.fixture
def store():
    with scripted_server() as server:
        yield server


@pytest.fixture
def storage(store):
    opened = []

    def open_storage(**changes):
        opened.append(S3Storage(a_backend(endpoint_url=store.url, create_bucket=True, **changes), threads=1))
        return opened[-1]

    yield open_storage
    for one in opened:
        one.close()


async def test_a_missing_bucket_is_made_in_its_region(store, storage):
    store.then(404)
    store.then(200)
    store.then(200)
    await storage(region="eu-west-2").prepare()
    look, make, cors = store.requests
    assert (look.method, make.method, make.target) == ("HEAD", "PUT", "/tams")
    assert b"<LocationConstraint>eu-west-2</LocationConstraint>" in make.body
    assert (cors.method, cors.target) == ("PUT", "/tams?cors")
    assert b"<AllowedOrigin>*</AllowedOrigin>" in cors.body


async def test_another_replica_may_have_made_it_meanwhile(store, storage):
    store.then(404)
    store.then(409, refusal("BucketAlreadyOwnedByYou"))
    store.then(200)
    await storage().prepare()
    assert len(store.requests) == 3


async def test_a_store_without_cors_rules_is_used_all_the_same(store, storage, caplog):
    store.then(200)
    store.then(501, refusal("NotImplemented"))
    await storage().prepare()
    assert "storage takes no CORS rules" in caplog.text


@pytest.mark.parametrize("step", [0, 1, 2])
async def test_a_refusal_at_any_step_says_why(store, storage, step):
    for status in [404, 200, 200][:step]:
        store.then(status)
    store.then(403, refusal("AccessDenied"))
    with pytest.raises(Unavailable, match=r"storage local: .*(403|AccessDenied)"):
        await storage().prepare()


async def test_a_store_that_fails_is_not_an_object_that_is_missing(store, storage):
    store.then(404)
    assert await storage().size("a") is None
    for status in (403, 500, 503):
        store.then(status)
        with pytest.raises(Unavailable):
            await storage().size("a")
    store.then(cut=True)
    with pytest.raises(Unavailable):
        await storage().size("a")


async def test_requests_are_signed_with_the_backends_own_keys(store, storage):
    store.then(404)
    await storage(credentials=Credentials("own-key", "own-secret", "own-token")).size("a")
    (look,) = store.requests
    assert "Credential=own-key/" in look.headers["Authorization"]
    assert look.headers["X-Amz-Security-Token"] == "own-token"


async def test_what_the_shell_has_set_for_other_tools_does_not_matter(store, storage, monkeypatch):
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


async def test_deleting_what_is_gone_already_is_fine(store, storage):
    store.then(204)
    await storage().delete("a/b")
    assert (store.requests[0].method, store.requests[0].target) == ("DELETE", "/tams/a/b")
    store.then(404, refusal("NoSuchKey"))
    await storage().delete("a/b")


async def test_a_refused_deletion_is_not_taken_for_done(store, storage):
    for status, code in ((403, "AccessDenied"), (404, "NoSuchBucket"), (503, "SlowDown")):
        store.then(status, refusal(code))
        with pytest.raises(Unavailable):
            await storage().delete("a")
