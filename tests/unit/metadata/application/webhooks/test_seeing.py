import json
from collections.abc import Iterable
from typing import Any, cast

import pytest

from services.metadata.application.ports import Tables
from services.metadata.application.webhooks.seeing import seen_events
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.webhooks.event import FLOW_UPDATED, SOURCE_UPDATED, Event

NEWS = frozenset({"news"})


class PlainTable:
    """Flows or sources of which those with these ids have the class."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids
        self.asked: list[str] = []

    def having_classes(self, ids: Iterable[str], classes: frozenset[str]) -> frozenset[str]:
        assert classes == NEWS
        asked = frozenset(ids)
        self.asked += asked
        return asked & frozenset(self.ids)


class PlainTables:
    def __init__(self) -> None:
        self.flows, self.sources = PlainTable("a"), PlainTable("A")


def seen(event: Event, tables: PlainTables | None = None) -> Event:
    (shown,) = seen_events(cast("Tables", tables or PlainTables()), [event], NEWS)
    return shown


def of_flow(document: dict[str, Any], **members: Any) -> Event:
    text = json.dumps(document).encode()
    return Event(FLOW_UPDATED, 1, SourceId("s"), flow_id=FlowId("f"), document=text, classes=NEWS, **members)


def of_source(document: dict[str, Any]) -> Event:
    return Event(SOURCE_UPDATED, 1, SourceId("s"), document=json.dumps(document).encode(), classes=NEWS)


def test_events_of_other_classes_are_left_out_in_order() -> None:
    events = [
        Event(FLOW_UPDATED, number, SourceId("s"), flow_id=FlowId("f"), classes=frozenset(classes))
        for number, classes in enumerate([{"news"}, set(), {"sport"}, {"news", "sport"}])
    ]
    shown = seen_events(cast("Tables", PlainTables()), events, NEWS)
    assert [event.time_ns for event in shown] == [0, 3]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"id": "x"}, {"id": "x"}),
        ({"collected_by": ["a", "b"], "id": "x"}, {"collected_by": ["a"], "id": "x"}),
        ({"collected_by": ["b"]}, {}),
        ({"flow_collection": []}, {"flow_collection": []}),
        ({"flow_collection": [], "collected_by": ["b"]}, {"flow_collection": []}),
        ({"flow_collection": [{"id": "b", "role": "r"}]}, {"flow_collection": []}),
        ({"label": "collected_by", "number": 1.5}, {"label": "collected_by", "number": 1.5}),
    ],
)
def test_a_flow_loses_links_to_flows_that_are_not_seen(
    document: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert json.loads(seen(of_flow(document)).document) == expected


def test_a_source_loses_links_to_sources_that_are_not_seen() -> None:
    items = [{"id": "B", "role": "r"}, {"id": "A", "role": "s"}]
    document = {"source_collection": items, "collected_by": ["B", "A"]}
    shown = json.loads(seen(of_source(document)).document)
    assert shown == {"source_collection": items[1:], "collected_by": ["A"]}
    assert json.loads(seen(of_source({"source_collection": items[:1]})).document) == {}


def test_filters_compare_only_links_that_are_seen() -> None:
    event = of_flow(
        {},
        flow_collected_by=[FlowId("a"), FlowId("b")],
        source_collected_by=[SourceId("A"), SourceId("B")],
    )
    shown = seen(event)
    assert (list(shown.flow_collected_by), list(shown.source_collected_by)) == (["a"], ["A"])


def test_events_without_links_ask_for_nothing() -> None:
    tables = PlainTables()
    event = of_flow({"label": "x"})
    assert seen(event, tables).document is event.document
    assert tables.flows.asked == tables.sources.asked == []
