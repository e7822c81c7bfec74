"""The validity of webhooks, and the events that pass their filters."""

from typing import Any

import pytest

from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.webhooks.event import EVENT_TYPES, Event
from services.metadata.domain.webhooks.webhook import Webhook, check, passes
from services.shared.errors import InvalidArgument

FLOW = FlowId("0fde9c11-da9d-434a-a113-d3b20a2cf251")
OTHER = FlowId("1fde9c11-da9d-434a-a113-d3b20a2cf251")
SOURCE = SourceId("2fde9c11-da9d-434a-a113-d3b20a2cf251")
COLLECTOR = SourceId("3fde9c11-da9d-434a-a113-d3b20a2cf251")


def a_webhook(**changes: Any) -> Webhook:
    return Webhook(**({"id": "", "url": "https://example.org/hook", "events": sorted(EVENT_TYPES)} | changes))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hook",
        "ftp://example.org",
        "http://",
        "http://[::1",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://example.org:0/",
        "http://user:secret@example.org/",
        "http://example.org/#part",
        "http://example.org/a b",
        "http://example.org/\r\nx: y",
        "http://exämple.org/",
        "http://example.org/" + "a" * 2048,
    ],
)
def test_a_url_that_cannot_receive_events_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^\$\.url: "):
        check(a_webhook(url=url))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("events", ["flows/created", "flows/renamed"]),
        ("flow_ids", ["not-an-id"]),
        ("source_collected_by_ids", [FLOW.upper()]),
        ("accept_storage_ids", [FLOW] * 1001),
        ("accept_get_urls", ["x"] * 1001),
        ("accept_get_urls", ["x" * 1025]),
        ("api_key_name", "x: y"),
        ("api_key_name", "x\r\ny"),
        ("api_key_name", "Host"),
        ("api_key_name", "content-Length"),
        ("api_key_name", "Transfer-Encoding"),
        ("api_key_value", "secret\r\nx: y"),
        ("api_key_value", " secret"),
    ],
)
def test_a_malformed_member_is_refused_without_its_value(member: str, value: list[str] | str) -> None:
    changes = {"api_key_name": "x-key"} | {member: value}
    with pytest.raises(InvalidArgument) as caught:
        check(a_webhook(**changes))
    assert (caught.value.reason, caught.value.metadata["path"]) == ("BAD_WEBHOOK", f"$.{member}")
    assert "secret" not in caught.value.summary


def test_an_api_key_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="api_key_name"):
        check(a_webhook(api_key_value="secret"))


def test_the_api_key_is_in_no_text_of_a_webhook() -> None:
    webhook = a_webhook(api_key_name="x-key", api_key_value="secret")
    check(webhook)
    assert "secret" not in repr(webhook) + str(webhook)


FLOW_EVENT = Event(
    type="flows/updated",
    time_ns=1,
    source_id=SOURCE,
    source_collected_by=[COLLECTOR],
    flow_id=FLOW,
    flow_collected_by=[OTHER],
)
SOURCE_EVENT = Event(type="sources/updated", time_ns=1, source_id=SOURCE, source_collected_by=[COLLECTOR])


@pytest.mark.parametrize(
    ("filters", "flow_passes", "source_passes"),
    [
        ({}, True, True),
        ({"events": ["flows/created"]}, False, False),
        ({"flow_ids": [FLOW]}, True, True),
        ({"flow_ids": [OTHER]}, False, True),
        ({"flow_ids": []}, False, True),
        ({"source_ids": [SOURCE]}, True, True),
        ({"source_ids": [FLOW]}, False, False),
        ({"source_ids": []}, False, False),
        ({"flow_collected_by_ids": [OTHER, FLOW]}, True, True),
        ({"flow_collected_by_ids": [FLOW]}, False, True),
        ({"source_collected_by_ids": [COLLECTOR]}, True, True),
        ({"source_collected_by_ids": []}, False, False),
        ({"flow_ids": [FLOW], "source_ids": [OTHER]}, False, False),
        ({"flow_ids": [FLOW], "flow_collected_by_ids": [FLOW]}, False, True),
    ],
)
def test_an_event_passes_if_it_passes_each_filter(
    filters: dict[str, Any], flow_passes: bool, source_passes: bool
) -> None:
    webhook = a_webhook(**filters)
    assert (passes(webhook, FLOW_EVENT), passes(webhook, SOURCE_EVENT)) == (flow_passes, source_passes)


def test_a_flow_without_collection_passes_no_collection_filter() -> None:
    event = Event(type="flows/updated", time_ns=1, source_id=SOURCE, flow_id=FLOW)
    assert not passes(a_webhook(flow_collected_by_ids=[OTHER]), event)
