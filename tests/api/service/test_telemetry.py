"""Metrics and traces of the whole store, from a scrape and from a collector."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import a_flow, a_segment, running_gateway
from tests.support.services.metadata import running_metadata
from tests.support.telemetry.collector import Collector, running_collector

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Store(NamedTuple):
    """A store, the ports of the metrics of its gateway and its metadata service, and its collector."""

    client: httpx.AsyncClient
    gateway: int
    metadata: int
    collector: Collector


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def store(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> AsyncIterator[Store]:
    gateway, metadata = free_ports(2)
    traced: dict[str, Any] = {"otlp_endpoint": collector.url, "trace_ratio": 0.0, "trace_slow_seconds": 0.0}
    folder = tmp_path_factory.mktemp("observed")
    async with (
        running_metadata(folder, metrics_port=metadata, **traced) as server,
        running_gateway(
            metadata_address=f"127.0.0.1:{server.port}", metrics_port=gateway, **traced
        ) as client,
    ):
        yield Store(client, gateway, metadata, collector)


async def scrape(port: int) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The samples of a process: for each name its labels and values."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def value(port: int, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    samples = (await scrape(port)).get(name, [])
    return sum(number for found, number in samples if labels.items() <= found.items())


async def put_flow(store: Store) -> str:
    flow = a_flow()
    assert (await store.client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    return str(flow["id"])


async def spans_of(store: Store, trace_id: str, count: int) -> dict[tuple[str, str], Span]:
    """The spans of a trace by service and name, once there are `count` of them."""

    def found() -> dict[tuple[str, str], Span]:
        return {
            (service, span.name): span
            for service, span in store.collector.spans()
            if span.trace_id.hex() == trace_id
        }

    await until(lambda: len(found()) >= count)
    return found()


async def test_requests_are_counted_by_route_and_status(store: Store) -> None:
    counted = "http_server_request_duration_seconds_count"
    of_flow = {"http_request_method": "GET", "http_route": "/flows/{flowId}"}
    flow_id = await put_flow(store)
    before = await value(store.gateway, counted, **of_flow, http_response_status_code="200")
    for _ in range(3):
        await store.client.get(f"/flows/{flow_id}")
    await store.client.get(f"/flows/{a_flow()['id']}")
    after = await value(store.gateway, counted, **of_flow, http_response_status_code="200")
    assert after - before == 3
    assert await value(store.gateway, counted, **of_flow, http_response_status_code="404") >= 1
    assert await value(store.gateway, "tams_requests_in_flight") == 0


async def test_paths_without_a_route_share_a_label(store: Store) -> None:
    for path in ("/nothing", "/nothing/else", "/x/nothing"):
        await store.client.get(path)
    samples = (await scrape(store.gateway))["http_server_request_duration_seconds_count"]
    unknown = {labels["http_route"] for labels, _ in samples if labels["http_response_status_code"] == "404"}
    assert not any("nothing" in route for route in unknown)


async def test_an_unknown_method_is_no_label(store: Store) -> None:
    await store.client.request("BREW", "/flows")
    methods = {
        labels["http_request_method"]
        for labels, _ in (await scrape(store.gateway))["http_server_request_duration_seconds_count"]
    }
    assert "_OTHER" in methods
    assert "BREW" not in methods


async def test_calls_queries_and_segments_are_counted(store: Store) -> None:
    flow_id = await put_flow(store)
    names = ("tams_segments_registered_total", "tams_changes_committed_total", "tams_store_group_size_count")
    before = [await value(store.metadata, name) for name in names]
    segments = [a_segment(0, 10), a_segment(10, 20), a_segment(15, 25)]
    await store.client.post(f"/flows/{flow_id}/segments", json=segments)
    after = [await value(store.metadata, name) for name in names]
    assert after[0] - before[0] == 2
    assert all(new > old for new, old in zip(after, before, strict=True))
    method = "tams.metadata.v1.SegmentService/CreateSegments"
    calls = await value(
        store.metadata,
        "rpc_server_call_duration_seconds_count",
        rpc_method=method,
        rpc_response_status_code="OK",
    )
    assert calls >= 1
    assert await value(store.metadata, "tams_store_duration_seconds_count", operation="write") >= 2
    assert await value(store.metadata, "tams_live_feeds") >= 1


async def test_the_state_of_the_store_is_measured(store: Store) -> None:
    async def is_measured() -> bool:
        return {"tams_backlog", "tams_outbox_age_seconds"} <= (await scrape(store.metadata)).keys()

    await until(is_measured)
    found = await scrape(store.metadata)
    assert found["tams_store_takes_writes"] == [({}, 1.0)]
    assert found["tams_store_waiting_writes"] == [({}, 0.0)]
    assert {labels["kind"] for labels, _ in found["tams_backlog"]} >= {"events", "deletions"}


@pytest.mark.skipif("config.getoption('engine') != 'vast'", reason="SQLite has neither")
async def test_endpoints_and_the_cache_are_measured(store: Store) -> None:
    flow_id = await put_flow(store)
    for _ in range(3):
        await store.client.get(f"/flows/{flow_id}")
    found = await scrape(store.metadata)
    assert {number for _, number in found["tams_vast_endpoint_up"]} == {1.0}
    assert await value(store.metadata, "tams_cache_reads_total", result="hit") >= 1
    for operation in ("point", "change"):
        counted = "tams_vast_request_duration_seconds_count"
        assert await value(store.metadata, counted, operation=operation) >= 1


async def test_a_recorded_trace_goes_on_through_the_services(store: Store) -> None:
    flow = a_flow()
    header = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    response = await store.client.put(f"/flows/{flow['id']}", json=flow, headers=header)
    assert response.headers["x-request-id"] == TRACE
    spans = await spans_of(store, TRACE, 4)
    gateway = spans["tams-gateway", "PUT /flows/{flowId}"]
    call = spans["tams-gateway", "tams.metadata.v1.FlowService/PutFlow"]
    served = spans["tams-metadata", "tams.metadata.v1.FlowService/PutFlow"]
    written = spans["tams-metadata", "store write"]
    chain = [PARENT, *(span.span_id.hex() for span in (gateway, call, served, written))]
    assert [span.parent_span_id.hex() for span in (gateway, call, served, written)] == chain[:-1]
    values = {pair.key: pair.value.string_value for pair in gateway.attributes}
    assert (values["http.route"], values["url.path"]) == ("/flows/{flowId}", f"/flows/{flow['id']}")


async def test_a_request_that_fails_is_recorded_alone(store: Store) -> None:
    # No media service runs in this store.
    flow_id = await put_flow(store)
    response = await store.client.post(f"/flows/{flow_id}/storage", json={"limit": 1})
    assert response.status_code == 503
    ((_, name),) = await spans_of(store, response.headers["x-request-id"], 1)
    assert name == "POST /flows/{flowId}/storage"


async def test_a_request_that_succeeds_is_not_recorded(store: Store) -> None:
    response = await store.client.get("/flows")
    failed = await store.client.post(f"/flows/{await put_flow(store)}/storage", json={"limit": 1})
    await spans_of(store, failed.headers["x-request-id"], 1)
    ids = {span.trace_id.hex() for _, span in store.collector.spans()}
    assert response.headers["x-request-id"] not in ids


async def test_a_trace_that_nobody_recorded_keeps_its_id(store: Store) -> None:
    header = {"traceparent": f"00-{TRACE[::-1]}-{PARENT}-00"}
    response = await store.client.get("/flows", headers=header)
    assert response.headers["x-request-id"] == TRACE[::-1]


async def test_a_request_id_of_the_form_of_a_trace_id_names_the_trace(store: Store) -> None:
    name = "1" * 32
    await store.client.post(
        f"/flows/{await put_flow(store)}/storage", json={"limit": 1}, headers={"x-request-id": name}
    )
    await spans_of(store, name, 1)
