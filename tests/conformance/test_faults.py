"""Statuses that say nothing of the request's meaning: every operation answers them alike."""

import asyncio

import httpx
import pytest

from services.shared import errors
from tests.conformance.reaching import documenting, note, reaches_everywhere
from tests.support.failing_services import failing_services

JSON = {"content-type": "application/json"}


async def ask(client, operation, **more):
    path, body = operation.example()
    headers = JSON if body else {}
    return await client.request(operation.method, path, **({"content": body, "headers": headers} | more))


async def ask_halfway(client, operation):
    """Send a request without its body; httpx reads no answer before all is sent."""
    url = client.base_url.join(operation.example()[0])
    reader, writer = await asyncio.open_connection(url.host, url.port)
    line = f"{operation.method} {url.raw_path.decode()} HTTP/1.1"
    fields = f"host: {url.host}\r\ncontent-type: application/json\r\ncontent-length: 2000"
    writer.write(f"{line}\r\n{fields}\r\n\r\n{{".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    headers = dict(one.split(": ", 1) for one in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    response = httpx.Response(
        int(status.split()[1]), headers=headers, content=body, request=httpx.Request(operation.method, url)
    )
    note(response)
    return response


async def each(status, answer):
    """The answers of all operations that document a status, a few at a time."""
    asked = documenting(status)
    at_once = asyncio.Semaphore(8)

    async def bounded(operation):
        async with at_once:
            return operation, await answer(operation)

    for operation, response in await asyncio.gather(*map(bounded, asked)):
        assert response.status_code == status, (operation, response.text)


@reaches_everywhere(409)
async def test_a_lost_race_is_a_conflict(gateway):
    await fails(gateway, errors.Conflict("somebody else came first"), 409)


@reaches_everywhere(429)
async def test_too_much_at_once_may_be_tried_again(gateway):
    await fails(gateway, errors.Exhausted("too much at once"), 429)


@reaches_everywhere(500)
async def test_a_fault_of_a_service_is_kept_inside(gateway):
    await fails(gateway, ValueError("a secret of ours"), 500)


@reaches_everywhere(504)
async def test_a_slow_service_is_given_up(gateway):
    await fails(gateway, errors.DeadlineExceeded("slow"), 504)


async def fails(gateway, error, status):
    async with failing_services(error) as services, gateway(**services) as tams:
        await each(status, lambda operation: ask(tams, operation))


@reaches_everywhere(503)
async def test_without_services_the_gateway_says_so(gateway):
    async with gateway() as tams:
        await each(503, lambda operation: ask(tams, operation))


@reaches_everywhere(413)
async def test_a_body_that_is_too_long_is_refused(gateway):
    async with gateway(max_body_bytes=1024) as tams:
        await each(413, lambda operation: ask(tams, operation, content=b'"%b"' % (b"x" * 2000)))


@reaches_everywhere(414)
async def test_a_query_that_is_too_long_is_refused(gateway):
    async with gateway() as tams:
        await each(414, lambda operation: ask(tams, operation, params={"x": "x" * 20_000}))


@reaches_everywhere(415)
async def test_a_body_that_is_not_json_by_its_own_account_is_refused(gateway):
    async with gateway() as tams:
        await each(415, lambda operation: ask(tams, operation, headers={"content-type": "text/plain"}))


@reaches_everywhere(408)
async def test_a_body_that_does_not_arrive_is_given_up(gateway):
    async with gateway(body_seconds=0.2) as tams:
        await each(408, lambda operation: ask_halfway(tams, operation))


@pytest.mark.parametrize("method", ["PATCH", "TRACE"])
async def test_no_other_method_is_known(tams, method):
    for path in ("/", "/flows", "/flows/x/label"):
        response = await tams.request(method, path)
        assert response.status_code == 405
        assert method not in response.headers["allow"]
