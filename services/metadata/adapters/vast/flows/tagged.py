"""Flows with a tag, for background work. While no process writes, looking for them costs no request."""

from typing import Final

from services.metadata.adapters.vast.flows.tags import tagged
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.application.ports import TaggedFlow
from services.metadata.domain.ids import FlowId
from services.vast_client.filters.filters import In

_TAG: Final = ("id", "value")
_EXTENT: Final = ("id", "read_only", "start_ns", "end_ns")
# Rows of tags that are kept between two looks. More are read each time.
_MOST_KEPT: Final = 10_000


def tagged_flows(view: View, name: str, after: TaggedFlow | None, limit: int) -> list[TaggedFlow]:
    """Up to `limit` flows with a tag that follow `after`, by value and id."""
    begin = (after.value, after.id) if after else ("", "")
    values = {row["id"]: row["value"] for row in _tags(view, name)}
    ordered = sorted((value, one) for one, value in values.items())
    ids = [one for value, one in ordered if (value, one) > begin]
    for start in range(0, len(ids), limit):
        part = tuple(ids[start : start + limit])
        found = {row["id"]: row for row in view.standing("flows", In("id", part), _EXTENT)}
        # A tag may have lost its flow.
        if found:
            return [_flow(found[one], values[one]) for one in part if one in found]
    return []


def _tags(view: View, name: str) -> list[Row]:
    where = tagged("flow", name, None)
    kept = view.standing("tags", where, _TAG, _MOST_KEPT)
    return kept if len(kept) < _MOST_KEPT else view.select("tags", where, _TAG)


def _flow(row: Row, value: str) -> TaggedFlow:
    return TaggedFlow(FlowId(row["id"]), value, bool(row["read_only"]), row["start_ns"], row["end_ns"])
