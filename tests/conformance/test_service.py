"""The service, its storage backends and registrations for events."""

from tests.conformance.reaching import reaches
from tests.support.gateway import new_id


@reaches("GET /", 200)
async def test_the_root_names_the_resources(tams):
    for name in (await tams.get("/")).json():
        if name != "objects":
            assert (await tams.get(f"/{name}")).status_code == 200


@reaches("GET /service", 200)
@reaches("POST /service", 200, 400)
async def test_the_service_is_named(tams):
    assert (await tams.get("/service")).json()["api_version"] == "7.0"
    assert (await tams.post("/service", json={"name": "Studio 5"})).status_code == 200
    assert (await tams.post("/service", json={"description": "News"})).status_code == 200
    for body in ({"name": 5}, ["name"], "name"):
        assert (await tams.post("/service", json=body)).status_code == 400
    service = (await tams.get("/service")).json()
    assert (service["name"], service["description"]) == ("Studio 5", "News")


@reaches("GET /service/storage-backends", 200)
async def test_storage_backends_are_listed(tams):
    assert len((await tams.get("/service/storage-backends")).json()) == 1


@reaches("GET /service/webhooks", 200)
@reaches("POST /service/webhooks", 201, 204, 400)
async def test_webhooks_are_registered_changed_and_removed(tams):
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
    assert webhook["url"] in [one["url"] for one in listed.json()]
    for wrong in ({"events": ["flows/exploded"]}, {"url": "nowhere"}, {"flow_ids": ["x"]}):
        assert (await tams.post("/service/webhooks", json=webhook | wrong)).status_code == 400
    assert (await tams.post("/service/webhooks", json=webhook | {"events": []})).status_code == 204


@reaches("GET /service/webhooks", 404)
@reaches("POST /service/webhooks", 404)
async def test_a_store_without_webhooks_announces_none(gateway, services):
    async with gateway(**services, webhooks=False) as tams:
        assert (await tams.get("/service")).json()["event_stream_mechanisms"] == []
        assert (await tams.get("/service/webhooks")).status_code == 404
        webhook = {"url": "https://sink.example/", "events": ["flows/created"]}
        assert (await tams.post("/service/webhooks", json=webhook)).status_code == 404


@reaches("GET /health", 200)
@reaches("GET /openapi.json", 200)
@reaches("GET /docs", 200)
async def test_the_process_describes_itself(tams):
    for path in ("/health", "/openapi.json", "/docs"):
        assert (await tams.get(path)).status_code == 200
