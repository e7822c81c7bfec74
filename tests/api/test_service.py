import pytest

from tests.support.gateway import running_gateway


async def test_the_root_names_the_resources(tams):
    names = (await tams.get("/")).json()
    assert names == ["service", "flows", "sources", "objects", "flow-delete-requests"]
    for name in ("service", "flows", "sources", "flow-delete-requests"):
        assert (await tams.get(f"/{name}")).status_code == 200


async def test_the_service_tells_what_it_is(services):
    async with running_gateway(**services, service_name="Studio 3", service_description="News") as tams:
        service = (await tams.get("/service")).json()
    assert service["type"].startswith("urn:x-tams:service")
    assert (service["api_version"], service["name"], service["description"]) == ("7.0", "Studio 3", "News")


async def test_a_stored_name_comes_before_the_one_in_the_settings(tams):
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
async def test_a_wrong_name_is_refused(tams, body):
    before = (await tams.get("/service")).json()
    assert (await tams.post("/service", content=body)).status_code == 400
    assert (await tams.get("/service")).json() == before


async def test_storage_backends_are_listed_without_their_secrets(tams):
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


async def test_health_names_every_service(tams):
    response = await tams.get("/health")
    assert response.status_code == 200
    states = {"metadata": "SERVING", "media": "SERVING", "analytics": "SERVING"}
    assert response.json() == {"status": "SERVING", "services": states}


async def test_the_page_shows_the_document_and_fetches_nothing(tams):
    page = await tams.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert "http" not in page.text.partition("<body>")[0]
    for path in (await tams.get("/openapi.json")).json()["paths"]:
        assert f"<code>{path}</code>" in page.text
