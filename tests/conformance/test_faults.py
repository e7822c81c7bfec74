"""Statuses whose cause is the same for every operation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from services.shared import errors
from tests.conformance.conftest import Gateway
from tests.conformance.reaching import Client, documenting, note, reaches_among, reaches_everywhere
from tests.support.access.issuer import AUDIENCE, ISSUER, claims, hand_made
from tests.support.openapi.contract import Operation
from tests.support.rpc.failing_services import failing_services

JSON = {"content-type": "application/json"}


async def send(client: httpx.AsyncClient, operation: Operation, **more: Any) -> httpx.Response:
    path, body = operation.example()
    headers = JSON if body else {}
    example: dict[str, Any] = {"content": body, "headers": headers}
    return await client.request(operation.method, path, **(example | more))


async def send_incomplete(client: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    """Send a request without the rest of its body, which httpx cannot do."""
    url = client.base_url.join(operation.example()[0])
    reader, writer = await asyncio.open_connection(url.host, url.port)
    line = f"{operation.method} {url.raw_path.decode()} HTTP/1.1"
    fields = f"host: {url.host}\r\ncontent-type: application/json\r\ncontent-length: 2000"
    writer.write(f"{line}\r\n{fields}\r\n\r\n{{".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    headers = dict(header.split(": ", 1) for header in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    response = httpx.Response(
        int(status.split()[1]), headers=headers, content=body, request=httpx.Request(operation.method, url)
    )
    note(response)
    return response


async def check_all(
    status: int,
    answer: Callable[[Operation], Awaitable[httpx.Response]],
    operations: Sequence[Operation] | None = None,
) -> None:
    """Check the answers of operations, by default all that document the status, a few at a time."""
    operations = documenting(status) if operations is None else operations
    semaphore = asyncio.Semaphore(8)

    async def bounded(operation: Operation) -> tuple[Operation, httpx.Response]:
        async with semaphore:
            return operation, await answer(operation)

    for operation, response in await asyncio.gather(*map(bounded, operations)):
        assert response.status_code == status, (operation, response.text)


SECURED = {
    "auth": "required",
    "service_secret": "s" * 32,
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "hs256_secret": "t" * 32,
}


@reaches_everywhere(401)
async def test_requests_without_credentials_are_answered_401(
    gateway: Gateway, services: dict[str, str]
) -> None:
    async with gateway(**services, **SECURED) as tams:
        await check_all(401, lambda operation: send(tams, operation))


@reaches_everywhere(403)
async def test_requests_without_the_scope_are_answered_403(
    gateway: Gateway, services: dict[str, str]
) -> None:
    token = hand_made({"alg": "HS256"}, claims(), SECURED["hs256_secret"].encode())
    async with gateway(**services, **SECURED) as tams:
        tams.headers["authorization"] = f"Bearer {token}"
        await check_all(403, lambda operation: send(tams, operation))


# Administration is closed to pages of foreign origins, and everything else to their changes.
CLOSED_TO_PAGES = [
    operation
    for operation in documenting(403)
    if operation.method not in ("GET", "HEAD") or operation.path.startswith("/x/admin")
]


@reaches_among(CLOSED_TO_PAGES, 403)
async def test_pages_of_foreign_origins_cannot_change_or_administer(
    gateway: Gateway, services: dict[str, str]
) -> None:
    async with gateway(**services) as tams:
        await check_all(403, lambda operation: send_from_page(tams, operation), CLOSED_TO_PAGES)


async def send_from_page(client: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    headers = {"origin": "https://player.example"} | (JSON if operation.example()[1] else {})
    return await send(client, operation, headers=headers)


@reaches_everywhere(409)
async def test_a_conflict_is_answered_409(gateway: Gateway) -> None:
    await check_failure(gateway, errors.Conflict("another change came first"), 409)


@reaches_everywhere(429)
async def test_requests_beyond_the_rate_of_an_address_are_answered_429(gateway: Gateway) -> None:
    # A GET and its HEAD are admitted.
    async with gateway(address_rate=1e-6, address_burst=2) as tams:
        assert (await tams.get("/")).status_code == 200
        await check_all(429, lambda operation: send(tams, operation))


# All operations but those that the gateway answers alone.
OF_SERVICES = documenting(504)


@reaches_among(OF_SERVICES, 429)
async def test_exhausted_resources_are_answered_429(gateway: Gateway) -> None:
    await check_failure(gateway, errors.Exhausted("too much at once"), 429, OF_SERVICES)


@reaches_everywhere(500)
async def test_a_fault_of_a_service_is_answered_500(gateway: Gateway) -> None:
    await check_failure(gateway, ValueError("a secret"), 500)


@reaches_everywhere(504)
async def test_a_missed_deadline_is_answered_504(gateway: Gateway) -> None:
    await check_failure(gateway, errors.DeadlineExceeded("slow"), 504)


async def check_failure(
    gateway: Gateway, error: Exception, status: int, operations: Sequence[Operation] | None = None
) -> None:
    async with failing_services(error) as services, gateway(**services) as tams:
        await check_all(status, lambda operation: send(tams, operation), operations)


# This one is answered by the gateway alone.
DEPENDENT = [operation for operation in documenting(503) if operation.path != "/health/live"]


@reaches_among(DEPENDENT, 503)
async def test_unreachable_services_are_answered_503(gateway: Gateway) -> None:
    async with gateway() as tams:
        await check_all(503, lambda operation: send(tams, operation), DEPENDENT)


@reaches_everywhere(413)
async def test_a_long_body_is_answered_413(gateway: Gateway) -> None:
    async with gateway(max_body_bytes=1024) as tams:
        await check_all(413, lambda operation: send(tams, operation, content=b'"%b"' % (b"x" * 2000)))


@reaches_everywhere(414)
async def test_a_long_query_is_answered_414(gateway: Gateway) -> None:
    async with gateway() as tams:
        await check_all(414, lambda operation: send(tams, operation, params={"x": "x" * 20_000}))


@reaches_everywhere(415)
async def test_a_body_with_another_content_type_is_answered_415(gateway: Gateway) -> None:
    async with gateway() as tams:
        await check_all(415, lambda operation: send(tams, operation, headers={"content-type": "text/plain"}))


@reaches_everywhere(408)
async def test_an_incomplete_body_is_answered_408(gateway: Gateway) -> None:
    async with gateway(body_seconds=0.2) as tams:
        await check_all(408, lambda operation: send_incomplete(tams, operation))


@pytest.mark.parametrize("method", ["PATCH", "TRACE"])
async def test_other_methods_are_answered_405(tams: Client, method: str) -> None:
    for path in ("/", "/flows", "/flows/x/label"):
        response = await tams.request(method, path)
        assert response.status_code == 405
        assert method not in response.headers["allow"]
