"""The messages that webhooks get, as they are written for delivery."""

import json
from typing import Any

import pytest
from grpc import aio
from tams.event.v1 import event_pb2
from tams.metadata.v1.segment_pb2 import Segment

from services.events.adapters.messages import Messages
from services.shared.get_urls import UrlFilter
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import TimeRange
from tests.support import contract, official
from tests.support.gateway import new_id

SEGMENT = b'{"object_id":"a/b","timerange":"[0:0_1:0)","ts_offset":"0:0"}'
# Its const in TAMS 7.0 is that of another event.
MISPRINTED = "flows/segments_deleted"


def changes(flow: bytes, source: bytes) -> dict[str, dict[str, Any]]:
    """One event of each type."""
    flow_id = new_id()
    added = event_pb2.SegmentsAdded(flow_id=flow_id, segments=[Segment(document=SEGMENT)])
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
async def test_messages_are_as_described(tams, flow, event_type):
    document = (await tams.get(f"/flows/{flow['id']}")).content
    source = (await tams.get(f"/sources/{flow['source_id']}")).content
    event = event_pb2.Event(id=1, **changes(document, source)[event_type])
    event.time.GetCurrentTime()
    async with aio.insecure_channel("127.0.0.1:1") as media:
        messages = Messages(SegmentUrls(media, StorageBackends(media, 0)))
        # No URLs are wanted, so that nobody is asked to sign any.
        (message,) = await messages.write([event], UrlFilter(labels=frozenset()))
    body = json.loads(message.body)
    contract.check_message(event_type, body)
    assert body["event_type"] == event_type


@official.needed
def test_the_official_misprint_is_still_the_only_one():
    messages = official.openapi()["webhooks"]
    for name, item in messages.items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        printed = schema["properties"]["event_type"]["const"]
        assert (printed == name) == (name != MISPRINTED)
