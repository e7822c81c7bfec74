import httpx
import pytest

from tests.support.processes.polling import until
from tests.support.services.gateway import running_gateway


async def test_the_root_names_the_resources(tams: httpx.AsyncClient) -> None:
    names = (await tams.get("/")).json()
    assert names == ["service", "flows", "sources", "objects", "flow-delete-requests"]
    for name in ("service", "flows", "sources", "flow-delete-requests"):
        assert (await tams.get(f"/{name}")).status_code == 200


async def test_the_service_has_the_name_and_description_of_the_settings(services: dict[str, str]) -> None:
    async with running_gateway(**services, service_name="Studio 3", service_description="News") as tams:
        service = (await tams.get("/service")).json()
    assert service["type"].startswith("urn:x-tams:service")
    assert (service["api_version"], service["name"], service["description"]) == ("7.0", "Studio 3", "News")


async def test_a_stored_name_takes_precedence_over_the_settings(tams: httpx.AsyncClient) -> None:
    before = (await tams.get("/service")).json()
    try:
        changed = await tams.post("/service", json={"name": "Studio 4"})
        assert (changed.status_code, changed.content) == (200, b"")
        after = (await tams.get("/service")).json()
        assert after == before | {"name": "Studio 4"}
        await tams.post("/service", json={"description": ""})
        assert (await tams.get("/service")).json() == after | {"description": ""}
    finally:
        await tams.post("/service", json={name: before[name] for name in ("name", "description")})


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'"x"', b'{"name": null}', b'{"description": 1}'])
async def test_an_invalid_name_is_refused(tams: httpx.AsyncClient, body: bytes) -> None:
    before = (await tams.get("/service")).json()
    assert (await tams.post("/service", content=body)).status_code == 400
    assert (await tams.get("/service")).json() == before


async def test_storage_backends_are_listed_without_their_secrets(tams: httpx.AsyncClient) -> None:
    (backend,) = (await tams.get("/service/storage-backends")).json()
    assert backend == {
        "id": "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10",
        "store_type": "http_object_store",
        "provider": "local",
        "store_product": "SeaweedFS",
        "label": "local",
        "region": "here",
        "default_storage": True,
    }


async def test_health_names_every_service(tams: httpx.AsyncClient) -> None:
    async def healthy() -> bool:
        return (await tams.get("/health")).status_code == 200

    await until(healthy)
    names = ("metadata", "media", "analytics", "events", "storage")
    states = dict.fromkeys(names, "SERVING")
    assert (await tams.get("/health")).json() == {"status": "SERVING", "services": states}
