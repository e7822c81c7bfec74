from services.metadata.domain.property import PropertyChange
from services.metadata.domain.webhooks import event as events
from services.metadata.domain.webhooks.event import EVENT_TYPES
from services.metadata.domain.webhooks.webhook import Webhook
from tests.support.metadata.classes import tags_of
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment


async def test_events_have_the_classes_of_their_flow_or_source_after_the_change(metadata: Metadata) -> None:
    webhook = Webhook(id="w", url="https://example.com", events=sorted(EVENT_TYPES))
    await metadata.store.write(lambda tables: tables.webhooks.put(webhook, 0))
    await metadata.put(a_flow(1, tags=tags_of("news")))
    await metadata.sources.update(source_id(1), [PropertyChange(None, "auth_classes", b'"archive"')])
    await metadata.put(a_flow(1, tags=tags_of("news", "sport")))
    await metadata.register(1, a_segment(0, 1))
    await metadata.unregister(1)
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(2))
    recorded = await metadata.store.read(lambda tables: tables.events.after(0, 100))
    assert [(event.type, sorted(event.classes)) for event in recorded] == [
        (events.SOURCE_CREATED, []),
        (events.FLOW_CREATED, ["news"]),
        (events.SOURCE_UPDATED, ["archive"]),
        (events.FLOW_UPDATED, ["news", "sport"]),
        (events.SEGMENTS_ADDED, ["news", "sport"]),
        (events.SEGMENTS_DELETED, ["news", "sport"]),
        (events.FLOW_DELETED, ["news", "sport"]),
        (events.SOURCE_DELETED, ["archive"]),
        (events.SOURCE_CREATED, []),
        (events.FLOW_CREATED, []),
    ]
