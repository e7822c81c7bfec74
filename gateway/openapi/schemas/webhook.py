"""Registrations for events, and the events."""

from typing import Final

from gateway.codecs.webhook import MAX_VALUES
from gateway.openapi.parts import Part, array, boolean, described, enum, record, ref, text

# Event types, what each is sent for, and the members of its "event".
EVENTS: Final[dict[str, tuple[str, Part]]] = {
    "flows/created": ("A flow was stored for the first time.", {"flow": ref("Flow")}),
    "flows/updated": ("A flow's metadata changed.", {"flow": ref("Flow")}),
    "flows/deleted": ("A flow was deleted.", {"flow_id": ref("Id")}),
    "flows/segments_added": (
        "Segments were registered.",
        {"flow_id": ref("Id"), "segments": array(ref("Segment"), "The segments.")},
    ),
    "flows/segments_deleted": (
        "Segments were deleted.",
        {"flow_id": ref("Id"), "timerange": described(ref("TimeRange"), "From the first to the last.")},
    ),
    "sources/created": ("A source came with its first flow.", {"source": ref("Source")}),
    "sources/updated": ("A source's metadata changed.", {"source": ref("Source")}),
    "sources/deleted": ("A source went with its last flow.", {"source_id": ref("Id")}),
}


def _ids(description: str) -> Part:
    return array(ref("Id"), description, maxItems=MAX_VALUES)


_WEBHOOK: Final[Part] = {
    "url": text("Where events are POSTed to, http or https.", pattern="^https?://", maxLength=2048),
    "events": array(
        enum("An event type.", *EVENTS), "Event types to send; none removes it.", maxItems=MAX_VALUES
    ),
    "api_key_name": text("Header that carries the key.", maxLength=256),
    "flow_ids": _ids("Send events of these flows and their segments only."),
    "source_ids": _ids("Send events of these sources, their flows and segments only."),
    "flow_collected_by_ids": _ids("Send events of flows that one of these flows collects only."),
    "source_collected_by_ids": _ids("Send events of sources that one of these sources collects only."),
    "accept_get_urls": array(
        text("A label."), "Labels of the get_urls to send; empty: none.", maxItems=MAX_VALUES
    ),
    "accept_storage_ids": _ids("Storage backends of the get_urls to send; empty: all."),
    "presigned": boolean("Send only presigned get_urls (true) or only others (false)."),
    "verbose_storage": boolean("Tell more of where each of the get_urls leads."),
}


def event_schema(event_type: str) -> str:
    """The name of an event's schema: "flows/segments_added" has FlowsSegmentsAdded."""
    return event_type.title().replace("/", "").replace("_", "")


def _message(event_type: str) -> Part:
    description, members = EVENTS[event_type]
    return record(
        description,
        {
            "event_timestamp": text("When it happened.", format="date-time"),
            "event_type": {"const": event_type},
            "event": record("What changed.", members, required=tuple(members)),
        },
        required=("event_timestamp", "event_type", "event"),
    )


SCHEMAS: Final[Part] = {
    "Webhook": record("Who is told of which changes.", _WEBHOOK, required=("url", "events")),
    "Webhooks": array(ref("Webhook"), "All registrations, ascending by URL."),
    "NewWebhook": record(
        "Whom to tell of which changes. One URL with one key is one registration.",
        {**_WEBHOOK, "api_key_value": text("The key; never returned.", maxLength=4096)},
        required=("url", "events"),
    ),
    **{event_schema(event_type): _message(event_type) for event_type in EVENTS},
}
