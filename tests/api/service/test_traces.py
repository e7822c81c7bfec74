"""Traces through the gateway, metadata, events and a webhook, as a collector receives them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from services.events.bootstrap import running as running_events
from services.events.settings import Settings as EventsSettings
from tests.support.events.sink import Sink, running_sink
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import QUICK, a_flow, running_gateway
from tests.support.services.metadata import running_metadata
from tests.support.telemetry.collector import Collector, running_collector

LOOPBACK = "127.0.0.0/8"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@asynccontextmanager
async def running_store(folder: Path, sink: Sink, **telemetry: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a store that sends traces, with one webhook for new flows."""
    async with AsyncExitStack() as stack:
        metadata = await stack.enter_async_context(
            running_metadata(folder, webhook_networks=LOOPBACK, **telemetry)
        )
        address = f"127.0.0.1:{metadata.port}"
        (no_media,) = free_ports(1)
        settings = EventsSettings(
            metadata_address=address, media_address=f"127.0.0.1:{no_media}", webhook_networks=LOOPBACK,
            lease_seconds=30, **QUICK, **telemetry,
        )  # fmt: skip
        await stack.enter_async_context(running_events(settings))
        tams = await stack.enter_async_context(running_gateway(metadata_address=address, **telemetry))
        webhook = {"url": sink.url, "events": ["flows/created"]}
        assert (await tams.post("/service/webhooks", json=webhook)).status_code == 201
        yield tams


def named(collector: Collector, *names: str) -> list[Span]:
    """The only span with each of the names."""
    found = []
    for name in names:
        (span,) = [span for _, span in collector.spans() if span.name == name]
        found.append(span)
    return found


async def test_a_change_and_the_webhook_that_reports_it_are_one_trace(tmp_path: Path) -> None:
    flow = a_flow()
    with running_collector() as collector:
        # On a busy machine other calls are slow, and slow ones are always recorded.
        telemetry = {"otlp_endpoint": collector.url, "trace_ratio": 0.0, "trace_slow_seconds": 600.0}
        async with running_sink() as sink, running_store(tmp_path, sink, **telemetry) as tams:
            headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
            created = await tams.put(f"/flows/{flow['id']}", json=flow, headers=headers)
            await until(lambda: sink.types == ["flows/created"])
    assert (created.status_code, created.headers["x-request-id"]) == (201, TRACE)
    spans = [(service, span) for service, span in collector.spans() if span.trace_id.hex() == TRACE]
    by_id = {span.span_id.hex(): (service, span) for service, span in spans}
    (delivery,) = named(collector, "send webhook")
    assert delivery.kind == Span.SPAN_KIND_PRODUCER
    # From the delivery back to the client: metadata served a call, the gateway made it, and served a request.
    path, parent = [], delivery
    while (parent_id := parent.parent_span_id.hex()) in by_id:
        service, parent = by_id[parent_id]
        path.append((service, Span.SpanKind.Name(parent.kind).removeprefix("SPAN_KIND_")))
    assert path == [("tams-metadata", "SERVER"), ("tams-gateway", "CLIENT"), ("tams-gateway", "SERVER")]
    assert (parent.name, parent_id) == ("PUT /flows/{flowId}", CALLER)
    assert sink.headers[0]["traceparent"] == f"00-{TRACE}-{delivery.span_id.hex()}-01"
    # Nothing else was sampled.
    assert {span.trace_id.hex() for _, span in collector.spans()} == {TRACE}


async def test_a_request_that_fails_is_recorded_although_it_is_not_sampled(tmp_path: Path) -> None:
    with running_collector() as collector:
        telemetry = {"otlp_endpoint": collector.url, "trace_ratio": 0.0}
        async with running_sink() as sink, running_store(tmp_path, sink, **telemetry) as tams:
            assert (await tams.get("/flows")).status_code == 200
            failed = await tams.get("/service/storage-backends")
    assert failed.status_code >= 500
    ((service, span),) = collector.spans()
    assert (service, span.trace_id.hex()) == ("tams-gateway", failed.headers["x-request-id"])
    assert span.status.code == 2


async def test_slow_requests_are_recorded_in_each_process_although_they_are_not_sampled(
    tmp_path: Path,
) -> None:
    with running_collector() as collector:
        # Every request is slow.
        telemetry = {"otlp_endpoint": collector.url, "trace_ratio": 0.0, "trace_slow_seconds": 1e-9}
        async with running_sink() as sink, running_store(tmp_path, sink, **telemetry) as tams:
            trace = (await tams.get("/flows")).headers["x-request-id"]
    spans = {service: span for service, span in collector.spans() if span.trace_id.hex() == trace}
    assert spans.keys() == {"tams-gateway", "tams-metadata"}
    assert spans["tams-gateway"].name == "GET /flows"
    # The gateway's call of metadata, between the two, was not recorded; its id still links them.
    assert spans["tams-metadata"].parent_span_id
