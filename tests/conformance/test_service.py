"""The service, its storage backends and webhooks."""

import asyncio
from contextlib import AsyncExitStack

from gateway.bootstrap import running
from gateway.settings import Settings
from tests.conformance.conftest import Gateway
from tests.conformance.reaching import Client, reaches
from tests.support.processes.polling import until
from tests.support.services.gateway import QUICK, new_id


@reaches("GET /", 200)
async def test_the_root_names_the_resources(tams: Client) -> None:
    for name in (await tams.get("/")).json():
        if name != "objects":
            assert (await tams.get(f"/{name}")).status_code == 200


@reaches("GET /service", 200)
@reaches("POST /service", 200, 400)
async def test_the_service_has_a_name_and_description(tams: Client) -> None:
    assert (await tams.get("/service")).json()["api_version"] == "7.0"
    assert (await tams.post("/service", json={"name": "Studio 5"})).status_code == 200
    assert (await tams.post("/service", json={"description": "News"})).status_code == 200
    for body in ({"name": 5}, ["name"], "name"):
        assert (await tams.post("/service", json=body)).status_code == 400
    service = (await tams.get("/service")).json()
    assert (service["name"], service["description"]) == ("Studio 5", "News")


@reaches("GET /service/storage-backends", 200)
async def test_storage_backends_are_listed(tams: Client) -> None:
    assert len((await tams.get("/service/storage-backends")).json()) == 1


@reaches("GET /service/webhooks", 200)
@reaches("POST /service/webhooks", 201, 204, 400)
async def test_webhooks_are_registered_changed_and_removed(tams: Client) -> None:
    webhook = {
        "url": f"https://sink.example/{new_id()}",
        "events": ["flows/created"],
        "api_key_name": "X-Key",
        "api_key_value": "secret",
    }
    for change in ({}, {"flow_ids": [new_id()], "presigned": True}):
        assert (await tams.post("/service/webhooks", json=webhook | change)).status_code == 201
    listed = await tams.get("/service/webhooks")
    assert "secret" not in listed.text
    assert webhook["url"] in [registered["url"] for registered in listed.json()]
    for wrong in ({"events": ["flows/exploded"]}, {"url": "nowhere"}, {"flow_ids": ["x"]}):
        assert (await tams.post("/service/webhooks", json=webhook | wrong)).status_code == 400
    assert (await tams.post("/service/webhooks", json=webhook | {"events": []})).status_code == 204


@reaches("GET /service/webhooks", 404)
@reaches("POST /service/webhooks", 404)
async def test_a_store_without_webhooks_announces_no_event_mechanism(
    gateway: Gateway, services: dict[str, str]
) -> None:
    async with gateway(**services, webhooks=False) as tams:
        assert (await tams.get("/service")).json()["event_stream_mechanisms"] == []
        assert (await tams.get("/service/webhooks")).status_code == 404
        webhook = {"url": "https://sink.example/", "events": ["flows/created"]}
        assert (await tams.post("/service/webhooks", json=webhook)).status_code == 404


@reaches("GET /ready", 200)
@reaches("GET /health", 200)
@reaches("GET /health/live", 204)
@reaches("GET /health/details", 200)
@reaches("GET /openapi.json", 200)
@reaches("GET /docs", 200, 304)
@reaches("GET /docs/{file}", 200, 304, 404)
async def test_the_gateway_serves_its_health_and_documentation(tams: Client) -> None:
    async def healthy() -> bool:
        return (await tams.get("/health")).status_code == 200

    await until(healthy)
    for path in ("/ready", "/health", "/health/details", "/openapi.json"):
        assert (await tams.get(path)).status_code == 200
    assert (await tams.get("/health/live")).status_code == 204
    for path in ("/docs", "/docs/start.js", "/docs/swagger-ui.css", "/docs/favicon-32x32.png"):
        response = await tams.get(path)
        assert response.status_code == 200
        headers = {"if-none-match": response.headers["etag"]}
        assert (await tams.get(path, headers=headers)).status_code == 304
    assert (await tams.get("/docs/unknown.js")).status_code == 404


@reaches("GET /health/live", 503)
async def test_a_gateway_that_is_about_to_stop_is_not_live() -> None:
    stack = AsyncExitStack()
    server = await stack.enter_async_context(running(Settings(**QUICK | {"drain_seconds": 300})))
    stopping = asyncio.create_task(stack.aclose())
    await asyncio.sleep(0)
    async with Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=20) as tams:
        assert (await tams.get("/health/live")).status_code == 503
    stopping.cancel()
    await asyncio.wait([stopping])
