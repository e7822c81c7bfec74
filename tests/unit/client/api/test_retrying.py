import json

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
    Rejected,
    ServerFault,
    TamsClient,
    Unreachable,
)
from tests.support.scripted_server import scripted_server

SERVICE = b'{"type": "urn:x-tams:service:t", "api_version": "7.0"}'
NEW = NewSegment(object_id="o", timerange=TimeRange.from_str("[0:0_1:0)"))


@pytest.mark.parametrize("status", [429, 503])
async def test_a_read_is_repeated_while_the_store_is_busy(server, tams, status):
    server.then(status, Retry_After="0")
    server.then(status, Retry_After="0")
    server.then(body=SERVICE)

    await tams.service()

    assert len(server.requests) == 3


async def test_attempts_are_bounded_and_the_last_error_is_raised(server, tams):
    for _ in range(5):
        server.then(503, Retry_After="0")

    with pytest.raises(Busy) as caught:
        await tams.service()

    assert caught.value.retry_after == 0
    assert len(server.requests) == 3


async def test_a_read_is_repeated_when_the_connection_breaks_off(server, tams):
    server.then(cut=True)
    server.then(body=SERVICE)

    await tams.service()


async def test_a_registration_is_not_repeated_once_it_may_have_taken_effect(server, tams):
    server.then(cut=True)
    server.then(201)

    with pytest.raises(Unreachable) as caught:
        await tams.create_segments("f", [NEW])

    assert caught.value.sent
    assert len(server.requests) == 1


async def test_a_registration_is_repeated_when_it_was_turned_away_unseen(server, tams):
    server.then(429, Retry_After="0")
    server.then(201)

    assert await tams.create_segments("f", [NEW]) == []


async def test_a_stream_is_uploaded_only_once(server, tams):
    async def chunks():
        yield b"x"

    server.then(503, Retry_After="0")

    with pytest.raises(Busy):
        await tams.upload(HttpRequest(url=f"{server.url}/key"), chunks(), length=1)

    assert len(server.requests) == 1


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
async def test_errors_carry_what_the_store_said_and_are_not_repeated(server, tams, status, kind):
    body = {"type": "SOME_REASON", "summary": "one\nline", "time": "2024-01-01T00:00:00Z"}
    server.then(status, json.dumps(body).encode())

    with pytest.raises(Rejected) as caught:
        await tams.service()

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.kind, str(caught.value)) == (status, "SOME_REASON", "one line")
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<Error>AccessDenied</Error>", b'["a"]', b'{"summary": 5}'])
async def test_an_error_without_a_readable_body_names_its_status(server, tams, body):
    server.then(403, body)

    with pytest.raises(Forbidden, match="403 Forbidden"):
        await tams.service()


async def test_nothing_listening_is_unreachable_and_names_host_without_query():
    with scripted_server() as gone:
        url = gone.url
    async with TamsClient(url, attempts=2) as tams:
        with pytest.raises(Unreachable, match=url) as caught:
            await tams.download(url + "/key?X-Amz-Signature=secret")

    assert not caught.value.sent
    assert "secret" not in str(caught.value)


def test_every_error_has_the_one_root():
    assert issubclass(Rejected, ApiError)
    assert issubclass(Unreachable, ApiError)
