"""Administration is for programs on this machine, even behind a proxy or tunnel."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.http.raw import exchange, get, parsed_answer
from tests.support.services.gateway import running_gateway

TABLES = "/x/admin/tables"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def admin(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that offers administration."""
    async with running_gateway(**services, admin=True) as client:
        yield client


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3:8400", "LocalHost:1", "[::1]:8400"])
async def test_programs_on_this_machine_administer(admin: httpx.AsyncClient, host: str) -> None:
    assert (await get(admin, TABLES, f"Host: {host}")).status == 200


@pytest.mark.parametrize(
    "header",
    [
        "Via: 1.1 caddy",
        "Forwarded: for=203.0.113.9",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
        "x-forwarded-anything: 1",
        "X-Real-IP: 203.0.113.9",
        "CF-Connecting-IP: 203.0.113.9",
        "CF-Ray: 1",
        "True-Client-IP: 203.0.113.9",
        "Fly-Client-IP: 203.0.113.9",
        "Tailscale-User-Login: a",
        "X-Original-URL: /",
        "X-Forwarded-For: \xff",
        "Via:",
    ],
)
@pytest.mark.parametrize("call", ["GET /x/admin/tables", "POST /x/admin/reset", "DELETE /x/admin/cache"])
async def test_requests_through_proxies_and_tunnels_are_refused(
    admin: httpx.AsyncClient, call: str, header: str
) -> None:
    method, path = call.split()
    refused = await get(admin, path, header, method=method)
    assert (refused.status, refused.reason) == (403, "ADMIN_THROUGH_PROXY")
    assert b"TAMS_GATEWAY_ADMIN_HOSTS" in refused.body


async def test_a_request_in_http_1_0_is_treated_as_proxied(admin: httpx.AsyncClient) -> None:
    request = b"GET /x/admin/tables HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    assert parsed_answer(await exchange(admin, request)).reason == "ADMIN_THROUGH_PROXY"


@pytest.mark.parametrize(
    "host",
    [
        *("store.public.example", "evil.example:8400", "10.0.0.1", "0.0.0.0", "[::]", "[::2]", "2130706433"),
        *(
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost.",
            "127.0.0.1.",
            "127.1",
            "0x7f.0.0.1",
        ),
    ],
)
async def test_requests_for_other_hosts_are_refused(admin: httpx.AsyncClient, host: str) -> None:
    refused = await get(admin, TABLES, f"Host: {host}")
    assert (refused.status, refused.reason) == (403, "ADMIN_NOT_LOCAL")


@pytest.mark.parametrize(
    "path",
    [
        *("/x%2Fadmin/tables", "/x%2fadmin%2ftables", "/x/%61dmin/tables", "/%78/admin/tables"),
        *("/X/admin/tables", "//x/admin/tables", "/x//admin/tables", "/x/./admin/tables"),
        *("/x/../x/admin/tables", "/./x/admin/tables", "/flows/../x/admin/tables", "/x%252Fadmin/tables"),
        *("/x/admin;a=b/tables", "/x/admin/tables;a", "/x/admin/tables/", "/x/admin/tables."),
        *("/x/admin./tables", "/x/admin/table%73", "/x/admin/tables%00", "/x/admin/tables%20"),
        *("/x%5Cadmin/tables", "/x/admin/%2e/tables", "/x/admin/%2e%2e/admin/tables"),
        *("/x%2Fadmin/../admin/tables", "/x/admin/tables/flows%2Fcolumns", "/x/adm\xc4\xb1n/tables"),
    ],
)
async def test_other_spellings_of_the_path_are_not_found(admin: httpx.AsyncClient, path: str) -> None:
    assert (await get(admin, path)).status == 404
    assert (await get(admin, path.replace("tables", "reset"), method="POST")).status in (404, 405)


@pytest.mark.parametrize(
    "header", ["Origin: http://localhost:1", "Sec-Fetch-Site: none", "Referer: http://localhost/"]
)
async def test_requests_of_browsers_are_refused(admin: httpx.AsyncClient, header: str) -> None:
    assert (await get(admin, TABLES, header)).reason == "ADMIN_FROM_BROWSER"


@pytest.mark.parametrize(
    ("hosts", "host", "status"),
    [
        ("ops.example", "OPS.example:8000", 200),
        ("a.example, 127.0.0.1", "127.0.0.1", 200),
        ("fd00::1", "[fd00:0::1]:8000", 200),
        ("ops.example", "tams.example", 403),
        ("ops.example", "127.0.0.1", 403),
        ("*", "anything.example", 200),
    ],
)
async def test_the_operator_may_allow_administration_through_proxies(
    services: dict[str, str], hosts: str, host: str, status: int
) -> None:
    async with running_gateway(**services, admin=True, admin_hosts=hosts) as tams:
        headers = (f"Host: {host}", "Via: 1.1 proxy", "X-Forwarded-For: 203.0.113.9")
        assert (await get(tams, TABLES, *headers)).status == status
        # Other spellings of the path are still not found.
        assert (await get(tams, "/x%2Fadmin/tables", *headers)).status == 404
