import json
from collections.abc import AsyncIterator

import pytest
from mediatimestamp import TimeRange

from client.api import (
    ApiError,
    Busy,
    Forbidden,
    HttpRequest,
    InvalidRequest,
    NewSegment,
    NotFound,
    ObjectExists,
    Rejected,
    ServerFault,
    TamsClient,
    Unreachable,
)
from tests.support.http.scripted_server import ScriptedServer, scripted_server

SERVICE = b'{"type": "urn:x-tams:service:t", "api_version": "7.0"}'
NEW = NewSegment(object_id="o", timerange=TimeRange.from_str("[0:0_1:0)"))


@pytest.mark.parametrize("status", [429, 503])
async def test_a_read_is_repeated_while_the_store_is_busy(
    server: ScriptedServer, tams: TamsClient, status: int
) -> None:
    server.then(status, Retry_After="0")
    server.then(status, Retry_After="0")
    server.then(body=SERVICE)

    await tams.service()

    assert len(server.requests) == 3


async def test_attempts_are_bounded_and_the_last_error_is_raised(
    server: ScriptedServer, tams: TamsClient
) -> None:
    for _ in range(5):
        server.then(503, Retry_After="0")

    with pytest.raises(Busy) as caught:
        await tams.service()

    assert caught.value.retry_after == 0
    assert len(server.requests) == 3


async def test_a_read_is_repeated_after_a_broken_connection(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(cut=True)
    server.then(body=SERVICE)

    await tams.service()


async def test_a_registration_is_not_repeated_once_it_may_have_taken_effect(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(cut=True)
    server.then(201)

    with pytest.raises(Unreachable) as caught:
        await tams.create_segments("f", [NEW])

    assert caught.value.sent
    assert len(server.requests) == 1


async def test_a_registration_is_repeated_if_it_had_no_effect(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(429, Retry_After="0")
    server.then(201)

    assert await tams.create_segments("f", [NEW]) == []


async def test_a_stream_is_uploaded_only_once(server: ScriptedServer, tams: TamsClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    server.then(503, Retry_After="0")

    with pytest.raises(Busy):
        await tams.upload(HttpRequest(url=f"{server.url}/key"), chunks(), length=1)

    assert len(server.requests) == 1


CREATE_ONLY = {"If-None-Match": "*"}


async def test_an_upload_without_an_answer_succeeds_if_the_object_exists(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(cut=True)
    server.then(412)

    await tams.upload(HttpRequest(url=f"{server.url}/key", headers=CREATE_ONLY), b"bytes")

    assert [request.headers["If-None-Match"] for request in server.requests] == ["*", "*"]


@pytest.mark.parametrize("before", [None, 503, 429])
async def test_an_upload_fails_if_the_object_existed_before(
    server: ScriptedServer, tams: TamsClient, before: int | None
) -> None:
    if before:
        server.then(before, Retry_After="0")
    server.then(412)

    with pytest.raises(ObjectExists, match="stored already and cannot be overwritten") as caught:
        await tams.upload(HttpRequest(url=f"{server.url}/key", headers=CREATE_ONLY), b"bytes")

    assert caught.value.status == 412
    assert len(server.requests) == (2 if before else 1)


async def test_a_lost_answer_of_one_upload_does_not_affect_another(
    server: ScriptedServer, tams: TamsClient
) -> None:
    target = HttpRequest(url=f"{server.url}/key", headers=CREATE_ONLY)
    server.then(cut=True)
    server.then(412)
    server.then(412)

    await tams.upload(target, b"bytes")
    with pytest.raises(ObjectExists):
        await tams.upload(target, b"other")


async def test_uploads_that_conflict_in_storage_are_repeated(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(409)
    server.then(200)

    await tams.upload(HttpRequest(url=f"{server.url}/key", headers=CREATE_ONLY), b"bytes")

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (413, InvalidRequest),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (500, ServerFault),
        (504, ServerFault),
    ],
)
async def test_rejections_have_the_reason_of_the_store_and_are_not_repeated(
    server: ScriptedServer, tams: TamsClient, status: int, kind: type[Rejected]
) -> None:
    body = {"type": "SOME_REASON", "summary": "one\nline", "time": "2024-01-01T00:00:00Z"}
    server.then(status, json.dumps(body).encode())

    with pytest.raises(Rejected) as caught:
        await tams.service()

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.kind, str(caught.value)) == (status, "SOME_REASON", "one line")
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<Error>AccessDenied</Error>", b'["a"]', b'{"summary": 5}'])
async def test_an_error_without_a_valid_body_has_its_status(
    server: ScriptedServer, tams: TamsClient, body: bytes
) -> None:
    server.then(403, body)

    with pytest.raises(Forbidden, match="403 Forbidden"):
        await tams.service()


async def test_an_unreachable_host_is_in_the_error_without_the_query() -> None:
    with scripted_server() as stopped:
        url = stopped.url
    async with TamsClient(url, attempts=2) as tams:
        with pytest.raises(Unreachable, match=url) as caught:
            await tams.download(url + "/key?X-Amz-Signature=secret")

    assert not caught.value.sent
    assert "secret" not in str(caught.value)


def test_all_errors_have_the_same_base_class() -> None:
    assert issubclass(Rejected, ApiError)
    assert issubclass(Unreachable, ApiError)


async def test_errors_of_object_storage_name_it(server: ScriptedServer) -> None:
    server.then(500, b"<Error><Code>InternalError</Code></Error>")
    server.then(403)
    async with TamsClient(server.url, attempts=1) as tams:
        with pytest.raises(ServerFault, match=r"^object storage refuses an upload: 500 .* disk may be full$"):
            await tams.upload(HttpRequest(url=f"{server.url}/key"), b"x")
        with pytest.raises(Forbidden, match=r"^object storage refuses a download: 403 Forbidden$"):
            await tams.download(f"{server.url}/key")
