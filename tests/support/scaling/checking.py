"""The checks after a fault: no idempotent request failed, no write is lost, no event came twice."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from tests.support.events.sink import Sink, running_sink
from tests.support.processes.polling import until
from tests.support.scaling.load import Outcome
from tests.support.services.gateway import a_flow

EVENTS = ["flows/created", "flows/segments_added"]
PAGE = 1000


@asynccontextmanager
async def subscribed(fronts: Mapping[str, str], host: str = "127.0.0.1") -> AsyncIterator[Sink]:
    """A webhook on an address of this host that gets the events of new flows and segments."""
    async with running_sink(host=host) as sink, _api(next(iter(fronts.values()))) as http:
        webhook = {"url": sink.url, "events": EVENTS}
        assert (await http.post("/service/webhooks", json=webhook)).status_code == 201
        yield sink
        await http.post("/service/webhooks", json=webhook | {"events": []})


async def check(fronts: Mapping[str, str], outcome: Outcome, sink: Sink) -> None:
    """AssertionError if something was lost, failed or doubled."""
    assert not outcome.failures, outcome.failures[:5]
    assert outcome.objects, "no write was acknowledged"
    for url in fronts.values():
        async with _api(url) as http:
            for flow_id, object_ids in outcome.acknowledged.items():
                lost = set(object_ids) - await _objects_of(http, flow_id)
                assert not lost, f"{len(lost)} of {len(object_ids)} segments are lost"
    await until(lambda: outcome.objects <= _counts(sink).keys(), pause=0.05)
    await _until_later_event(next(iter(fronts.values())), sink)
    doubled = [object_id for object_id, count in _counts(sink).items() if count > 1]
    assert not doubled, f"{len(doubled)} of {len(outcome.objects)} segments came more than once"


def _counts(sink: Sink) -> Counter[str]:
    """The number of events of each object."""
    return Counter(
        segment["object_id"] for event in sink.events for segment in event["event"].get("segments", ())
    )


async def _until_later_event(url: str, sink: Sink) -> None:
    """Wait for an event that was made now. One that was to come again is pulled before it."""
    flow = a_flow()
    async with _api(url) as http:
        assert (await http.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    await until(lambda: any(event["event"].get("flow", {}).get("id") == flow["id"] for event in sink.events))


async def _objects_of(http: httpx.AsyncClient, flow_id: str) -> set[str]:
    reply = await http.get(f"/flows/{flow_id}/segments", params={"limit": PAGE, "accept_get_urls": ""})
    assert reply.status_code == 200, reply.text
    assert "next" not in reply.links, "there are more segments than one page"
    return {segment["object_id"] for segment in reply.json()}


def _api(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)
