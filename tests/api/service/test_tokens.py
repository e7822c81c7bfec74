"""`/x/tokens`, and tokens in URLs, over HTTP and directly at the services."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from grpc import StatusCode, aio
from tams.media.v1 import storage_service_pb2, storage_service_pb2_grpc
from tams.metadata.v1 import flow_service_pb2, flow_service_pb2_grpc

from services.shared.process import logs
from tests.support.services.gateway import a_flow, a_segment, new_id, running_gateway
from tests.support.services.secured import ACCESS, bearer, caller, running_secured_services, token_of
from tests.support.storage.seaweedfs import SeaweedFS


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def secured_services(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS
) -> AsyncIterator[dict[str, Any]]:
    async with running_secured_services(tmp_path_factory.mktemp("secured"), seaweedfs) as settings:
        yield settings


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def secured(secured_services: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with running_gateway(**secured_services, check_uploads=True, access_log=True) as client:
        yield client


async def stored_flow(secured: httpx.AsyncClient) -> str:
    """The id of a new flow with two segments of an object outside the store."""
    flow = a_flow()
    path = f"/flows/{flow['id']}"
    assert (await secured.put(path, json=flow, headers=caller())).status_code == 201
    segments = [a_segment(0, 1), a_segment(1, 2)]
    assert (await secured.post(f"{path}/segments", json=segments, headers=caller())).status_code == 201
    return str(flow["id"])


async def token_for(secured: httpx.AsyncClient, **asked: Any) -> str:
    """A token of alice."""
    made = await secured.post("/x/tokens", json=asked, headers=caller())
    assert made.status_code == 200, made.text
    return str(made.json()["access_token"])


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


async def test_a_token_reads_in_the_query_and_as_a_bearer_token(secured: httpx.AsyncClient) -> None:
    made = await secured.post("/x/tokens", headers=caller())
    assert made.headers["cache-control"] == "no-store"
    token = made.json()["access_token"]
    flow_id = await stored_flow(secured)
    for path in ("/flows", f"/flows/{flow_id}", f"/flows/{flow_id}/segments", "/service/storage-backends"):
        for method in ("GET", "HEAD"):
            assert (await secured.request(method, path, params={"access_token": token})).status_code == 200
            assert (await secured.request(method, path, headers=bearer(token))).status_code == 200
    refused = await secured.get("/flows", params={"access_token": token + "x"})
    assert refused.status_code == 401


async def test_a_token_is_for_its_methods_alone(secured: httpx.AsyncClient) -> None:
    flow_id = await stored_flow(secured)
    query = {"access_token": await token_for(secured, methods=["GET", "PUT"])}
    path = f"/flows/{flow_id}/label"
    assert (await secured.put(path, json="x", params=query)).status_code == 204
    assert (await secured.get(path, params=query)).json() == "x"
    assert (await secured.head(path, params=query)).status_code == 403
    assert error_of(await secured.delete(path, params=query)) == (403, "MISSING_SCOPE")
    segments = f"/flows/{flow_id}/segments"
    posted = await secured.post(segments, json=a_segment(5, 6), params=query)
    assert error_of(posted) == (403, "OUTSIDE_TOKEN")


async def test_a_token_for_a_flow_serves_all_paths_of_that_flow(secured: httpx.AsyncClient) -> None:
    flow_id = await stored_flow(secured)
    methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    query = {"access_token": await token_for(secured, methods=methods, flow_id=flow_id)}
    path = f"/flows/{flow_id}"
    assert (await secured.get(path, params=query | {"include_timerange": "true"})).status_code == 200
    assert (await secured.get(f"{path}/tags", params=query)).status_code == 200
    assert (await secured.put(f"{path}/tags/a", json="b", params=query)).status_code == 204
    allocated = await secured.post(f"{path}/storage", json={"limit": 1}, params=query)
    assert allocated.status_code == 201
    put_url = allocated.json()["media_objects"][0]["put_url"]
    headers = {"content-type": put_url["content-type"], **put_url.get("headers", {})}
    async with httpx.AsyncClient(trust_env=False) as storage:
        assert (await storage.put(put_url["url"], content=b"x", headers=headers)).status_code == 200
    object_id = allocated.json()["media_objects"][0]["object_id"]
    segment = {"object_id": object_id, "timerange": "[7:0_8:0)"}
    assert (await secured.post(f"{path}/segments", json=segment, params=query)).status_code == 201
    listed = await secured.get(f"{path}/segments", params=query | {"limit": 100})
    assert [item["object_id"] for item in listed.json()][-1] == object_id
    assert (await secured.delete(f"{path}/segments", params=query)).status_code == 204
    assert (await secured.delete(path, params=query)).status_code == 204


async def test_segments_are_listed_for_a_token_before_the_storage_backends_are_known(
    secured: httpx.AsyncClient, secured_services: dict[str, Any]
) -> None:
    flow_id = await stored_flow(secured)
    query = {"access_token": await token_for(secured, flow_id=flow_id)}
    async with running_gateway(**secured_services, backends_ttl_seconds=0) as gateway:
        assert (await gateway.get(f"/flows/{flow_id}/segments", params=query)).status_code == 200


async def test_a_token_for_a_flow_serves_no_other_path(secured: httpx.AsyncClient) -> None:
    flow_id, other = await stored_flow(secured), await stored_flow(secured)
    methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    token = await token_for(secured, methods=methods, flow_id=flow_id)
    for method, path in [
        ("GET", "/"),
        ("GET", "/flows"),
        ("GET", f"/flows/{other}"),
        ("PUT", f"/flows/{other}/label"),
        ("GET", f"/flows/{other}/segments"),
        ("GET", "/sources"),
        ("GET", f"/sources/{flow_id}"),
        ("GET", f"/objects/{flow_id}"),
        ("GET", "/service/storage-backends"),
        ("GET", "/service/webhooks"),
        ("GET", "/flow-delete-requests"),
        ("PUT", f"/x/flows/{flow_id}/tags"),
        ("POST", "/x/flows/batch"),
        ("GET", f"/x/analytics/flows/{flow_id}/coverage"),
        ("POST", "/x/tokens"),
        ("GET", "/health/details"),
    ]:
        refused = await secured.request(method, path, params={"access_token": token})
        assert error_of(refused) == (403, "OUTSIDE_TOKEN"), path


async def test_a_token_has_no_scope_that_its_caller_lacks(secured: httpx.AsyncClient) -> None:
    reader = caller("bob", "read")
    refused = await secured.post("/x/tokens", json={"methods": ["GET", "PUT"]}, headers=reader)
    assert error_of(refused) == (403, "MISSING_SCOPE")
    assert (await secured.post("/x/tokens", json={"methods": ["GET"]}, headers=reader)).status_code == 200


async def test_a_token_of_an_administrator_does_not_administer(secured: httpx.AsyncClient) -> None:
    asked = {"methods": ["GET", "POST"]}
    made = await secured.post("/x/tokens", json=asked, headers=caller("carol", "admin"))
    query = {"access_token": made.json()["access_token"]}
    changed = await secured.post("/service", json={"name": "x"}, params=query)
    assert error_of(changed) == (403, "MISSING_SCOPE")
    assert error_of(await secured.get("/x/admin/tables", params=query)) == (403, "MISSING_SCOPE")


async def test_a_token_makes_no_further_tokens(secured: httpx.AsyncClient) -> None:
    token = await token_for(secured, methods=["GET", "POST"])
    assert error_of(await secured.post("/x/tokens", headers=bearer(token))) == (403, "OUTSIDE_TOKEN")


@pytest.mark.parametrize(
    "asked",
    [
        {"seconds": 0},
        {"seconds": 3601},
        {"methods": []},
        {"methods": ["OPTIONS"]},
        {"methods": "GET"},
        {"flow_id": "x"},
        {"flow": new_id()},
        [],
    ],
)
async def test_a_wrong_request_for_a_token_is_refused(secured: httpx.AsyncClient, asked: Any) -> None:
    assert error_of(await secured.post("/x/tokens", json=asked, headers=caller())) == (400, "BAD_BODY")


async def test_a_store_without_access_control_offers_no_tokens(tams: httpx.AsyncClient) -> None:
    assert error_of(await tams.post("/x/tokens")) == (404, "TOKENS_NOT_OFFERED")


async def test_pages_can_be_followed_with_a_token_that_no_header_and_log_line_repeats(
    secured: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    flow_id = await stored_flow(secured)
    token = await token_for(secured, flow_id=flow_id)
    path = f"/flows/{flow_id}/segments?limit=1&access_token={token}"
    pages = []
    while path:
        page = await secured.get(path)
        assert page.status_code == 200
        assert token not in str(page.headers)
        pages += page.json()
        link = page.links.get("next")
        path = f"{link['url']}&access_token={token}" if link else ""
    assert len(pages) == 2
    for wrong in ("limit=0", "limit=x", "timerange=x", f"access_token={token}", "page=x"):
        refused = await secured.get(f"/flows/{flow_id}/segments?access_token={token}&{wrong}")
        assert refused.status_code in (400, 401)
        assert token not in refused.text + str(refused.headers)
    lines = [logs.JsonFormatter("test").format(record) for record in caplog.records]
    assert any(f"/flows/{flow_id}/segments" in line for line in lines)
    # The client of the test logs the URLs that it requests.
    own = [line for line in lines if "HTTP Request" not in line and "httpcore" not in line]
    assert not any(token in line for line in own)


async def test_the_location_of_a_deletion_has_no_token(secured: httpx.AsyncClient) -> None:
    flow_id = await stored_flow(secured)
    token = await token_for(secured, methods=["DELETE"], flow_id=flow_id)
    deleted = await secured.delete(f"/flows/{flow_id}", params={"access_token": token})
    assert deleted.status_code in (202, 204)
    assert token not in str(deleted.headers)


async def test_a_token_for_a_flow_holds_at_services_that_are_reached_directly(
    secured: httpx.AsyncClient, secured_services: dict[str, Any]
) -> None:
    flow_id, other = await stored_flow(secured), await stored_flow(secured)
    token = await token_for(secured, methods=["GET", "POST"], flow_id=flow_id)
    metadata = (("authorization", f"Bearer {token}"),)
    async with aio.insecure_channel(secured_services["metadata_address"]) as channel:
        flows = flow_service_pb2_grpc.FlowServiceStub(channel)
        get = flow_service_pb2.GetFlowRequest
        assert (await flows.GetFlow(get(id=flow_id), metadata=metadata)).document
        await refused(flows.GetFlow(get(id=other), metadata=metadata), "flow")
        batch = flow_service_pb2.BatchGetFlowsRequest(requests=[get(id=flow_id), get(id=other)])
        await refused(flows.BatchGetFlows(batch, metadata=metadata), "flow")
        await refused(flows.ListFlows(flow_service_pb2.ListFlowsRequest(), metadata=metadata), "flow")
        deletion = flow_service_pb2.DeleteFlowRequest(id=flow_id)
        await refused(flows.DeleteFlow(deletion, metadata=metadata), "scope")
    async with aio.insecure_channel(secured_services["media_address"]) as channel:
        storage = storage_service_pb2_grpc.StorageServiceStub(channel)
        allocate = storage_service_pb2.AllocateStorageRequest
        assert (await storage.AllocateStorage(allocate(flow_id=flow_id), metadata=metadata)).objects
        await refused(storage.AllocateStorage(allocate(flow_id=other), metadata=metadata), "flow")
        await refused(storage.SignPaths(storage_service_pb2.SignPathsRequest(), metadata=metadata), "scope")
        backends = storage_service_pb2.ListStorageBackendsRequest()
        await refused(storage.ListStorageBackends(backends, metadata=metadata), "flow")


async def refused(call: aio.UnaryUnaryCall[Any, Any], why: str) -> None:
    with pytest.raises(aio.AioRpcError) as error:
        await call
    assert error.value.code() is StatusCode.PERMISSION_DENIED
    assert why in (error.value.details() or "")


async def test_tokens_of_another_store_are_refused(secured: httpx.AsyncClient) -> None:
    other = {**ACCESS, "service_secret": ACCESS["service_secret"][::-1]}
    async with running_gateway(**other) as another_store:
        made = await another_store.post("/x/tokens", headers=bearer(token_of("alice", "read")))
    query = {"access_token": made.json()["access_token"]}
    assert (await secured.get("/flows", params=query)).status_code == 401
