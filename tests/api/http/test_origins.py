"""Web pages of other origins may read. They may change something only if the operator allows it."""

from typing import Any

import httpx
import pytest

from tests.support.services.gateway import a_segment, running_gateway

FOREIGN = {"origin": "https://player.example"}
WRITES = [
    ("DELETE", "/flows/{id}"),
    ("DELETE", "/flows/{id}/segments"),
    ("DELETE", "/flows/{id}/tags/a"),
    ("PUT", "/flows/{id}"),
    ("PUT", "/flows/{id}/label"),
    ("POST", "/flows/{id}/segments"),
    ("POST", "/flows/{id}/storage"),
    ("POST", "/service/webhooks"),
    ("POST", "/x/flows/batch"),
]


@pytest.mark.parametrize(("method", "template"), WRITES)
@pytest.mark.parametrize("headers", [FOREIGN, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
async def test_writes_of_a_foreign_page_are_refused_with_the_reason(
    tams: httpx.AsyncClient, flow: dict[str, Any], method: str, template: str, headers: dict[str, str]
) -> None:
    response = await tams.request(method, template.format(id=flow["id"]), headers=headers, json=flow)
    assert (response.status_code, response.json()["type"]) == (403, "FOREIGN_ORIGIN")
    assert "TAMS_GATEWAY_WRITE_ORIGINS" in response.json()["summary"]
    assert response.headers["vary"] == "Origin"
    assert response.headers["access-control-allow-origin"] == "*"
    assert (await tams.get(f"/flows/{flow['id']}", headers=headers)).status_code == 200


async def test_pages_of_this_machine_may_write(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    own = f"http://127.0.0.1:{tams.base_url.port}"
    for origin in (own, "http://localhost:5173", "https://[::1]:1"):
        response = await tams.put(f"/flows/{flow['id']}/label", json="x", headers={"origin": origin})
        assert response.status_code == 204


async def test_pages_of_listed_origins_may_write(services: dict[str, str], flow: dict[str, Any]) -> None:
    async with running_gateway(**services, write_origins="https://player.example") as tams:
        segments = await tams.post(f"/flows/{flow['id']}/segments", json=a_segment(), headers=FOREIGN)
        assert segments.status_code == 201
        assert (await tams.delete(f"/flows/{flow['id']}", headers=FOREIGN)).status_code in (202, 204)
        preflight = await tams.options(f"/flows/{flow['id']}", headers=FOREIGN)
        assert "DELETE" in preflight.headers["access-control-allow-methods"]


async def test_a_preflight_offers_foreign_pages_no_writes(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    response = await tams.options(
        f"/flows/{flow['id']}", headers=FOREIGN | {"access-control-request-method": "DELETE"}
    )
    assert response.status_code == 204
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("origin", ["https://player.example", "http://localhost:3000"])
async def test_pages_may_send_every_header_they_ask_for(tams: httpx.AsyncClient, origin: str) -> None:
    requested_headers = [
        *("authorization", "content-type", "cache-control", "traceparent", "tracestate", "x-requested-with"),
        *("x-request-id", "if-none-match", "if-match", "range", "accept", "pragma", "content-md5"),
        *("x-b3-traceid", "sentry-trace", "baggage"),
    ]
    preflight = {"origin": origin, "access-control-request-headers": ",".join(requested_headers)}
    response = await tams.options("/flows", headers=preflight | {"access-control-request-method": "GET"})
    allowed = response.headers["access-control-allow-headers"].lower().split(", ")
    assert set(requested_headers) <= set(allowed)
    assert "Access-Control-Request-Headers" in response.headers["vary"]


async def test_nonsense_in_a_preflight_is_not_repeated(tams: httpx.AsyncClient) -> None:
    requested = ",".join(["a b", "x" * 100, "(", *(f"x-{n}" for n in range(1000))])
    response = await tams.options("/flows", headers={"access-control-request-headers": requested})
    assert len(response.headers["access-control-allow-headers"]) < 1000
    assert "a b" not in response.headers["access-control-allow-headers"]
