"""The listing of all stored objects, against storage that fails for a moment."""

import pytest

from services.media.adapters.s3.inventory import list_stored
from tests.support.http.scripted_server import scripted_server
from tests.support.storage.backends import a_backend


def page(key: str, token: str = "") -> bytes:
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        f"<ListBucketResult><IsTruncated>{str(bool(token)).lower()}</IsTruncated>{more}"
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>5</Size></Contents>"
        "</ListBucketResult>"
    ).encode()


@pytest.mark.parametrize("cut", [False, True])
def test_a_page_that_fails_once_is_read_again(cut: bool) -> None:
    with scripted_server() as storage:
        storage.then(body=page("a", token="next"))
        storage.then(503, cut=cut)
        storage.then(body=page("b"))
        listed = list_stored([a_backend(endpoint_url=storage.url)])
        assert [found.key for found in listed] == ["a", "b"]
        assert ["continuation-token=next" in request.target for request in storage.requests] == [
            False,
            True,
            True,
        ]


def test_the_object_that_tests_the_access_is_not_listed() -> None:
    with scripted_server() as storage:
        storage.then(body=page("media/.tams-access", token="next"))
        storage.then(body=page("media/b"))
        assert [found.key for found in list_stored([a_backend(endpoint_url=storage.url)])] == ["media/b"]
