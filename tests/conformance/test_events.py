"""The messages to webhooks, as the events service writes them."""

import json
from typing import Any

import pytest
from grpc import aio
from tams.event.v1 import event_pb2
from tams.metadata.v1.segment_pb2 import SegmentLines

from services.events.adapters.messages import Messages
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.storage_backends import StorageBackends
from services.segment_documents.url_filter import UrlFilter
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import TimeRange
from tests.conformance.reaching import Client
from tests.support.openapi import contract, official
from tests.support.services.gateway import new_id

SEGMENT = b'{"object_id":"a/b","timerange":"[0:0_1:0)","ts_offset":"0:0"}'
# The event whose `const` in TAMS 7.0 is that of another event.
MISPRINTED = "flows/segments_deleted"


def changes(flow: bytes, source: bytes) -> dict[str, dict[str, Any]]:
    """The content of an event of each type."""
    flow_id = new_id()
    added = event_pb2.SegmentsAdded(flow_id=flow_id, segments=SegmentLines(documents=SEGMENT + b"\n"))
    deleted = event_pb2.SegmentsDeleted(flow_id=flow_id, timerange=to_message(TimeRange(0, 10)))
    return {
        "flows/created": {"flow_created": event_pb2.FlowCreated(document=flow)},
        "flows/updated": {"flow_updated": event_pb2.FlowUpdated(document=flow)},
        "flows/deleted": {"flow_deleted": event_pb2.FlowDeleted(flow_id=flow_id)},
        "flows/segments_added": {"segments_added": added},
        "flows/segments_deleted": {"segments_deleted": deleted},
        "sources/created": {"source_created": event_pb2.SourceCreated(document=source)},
        "sources/updated": {"source_updated": event_pb2.SourceUpdated(document=source)},
        "sources/deleted": {"source_deleted": event_pb2.SourceDeleted(source_id=new_id())},
    }


@pytest.mark.parametrize("event_type", contract.DOCUMENT["webhooks"])
async def test_messages_conform_to_both_documents(
    tams: Client, flow: dict[str, Any], event_type: str
) -> None:
    document = (await tams.get(f"/flows/{flow['id']}")).content
    source = (await tams.get(f"/sources/{flow['source_id']}")).content
    event = event_pb2.Event(id=1, **changes(document, source)[event_type])
    event.time.GetCurrentTime()
    async with aio.insecure_channel("127.0.0.1:1") as media:
        messages = Messages(SegmentUrls(media, StorageBackends(media, 0)))
        # The filter excludes all URLs, so that no media service is needed.
        (message,) = await messages.write([event], UrlFilter(labels=frozenset()))
    body = json.loads(message.body)
    contract.check_message(event_type, body)
    assert body["event_type"] == event_type


@official.needed
def test_the_official_document_has_one_misprint() -> None:
    messages = official.openapi()["webhooks"]
    for name, item in messages.items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        printed = schema["properties"]["event_type"]["const"]
        assert (printed == name) == (name != MISPRINTED)
