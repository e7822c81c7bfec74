"""Selects the flows and the time interval of an export."""

from collections.abc import Sequence
from typing import Final

from mediatimestamp import TimeRange

from client.api import Flow
from client.essence.errors import EssenceError
from client.essence.interval import Interval
from client.export.ports import Store

KINDS: Final = {"urn:x-nmos:format:video": "video", "urn:x-nmos:format:audio": "audio"}
_MULTI: Final = "urn:x-nmos:format:multi"


async def members(store: Store, flow_id: str) -> list[Flow]:
    """The flows with the media: the flow itself, or the members of a multi flow in their order.

    EssenceError if there is neither video nor audio.
    """
    flow = await store.flow(flow_id, include_timerange=True)
    candidates = [flow]
    if flow.format == _MULTI:
        candidates = [await store.flow(item.id, include_timerange=True) for item in flow.flow_collection]
    playable = [flow for flow in candidates if flow.format in KINDS and flow.container]
    if not playable:
        raise EssenceError(f"flow {flow_id} has neither video nor audio")
    return playable


def export_interval(flows: Sequence[Flow], timerange: TimeRange | None) -> Interval:
    """The interval to export: the time range, with the ends of the media for unbounded ends.

    EssenceError if the flows have no media in it.
    """
    extents = [
        flow.timerange for flow in flows if flow.timerange is not None and not flow.timerange.is_empty()
    ]
    if not extents:
        raise EssenceError("the flow has no media")
    intervals = [Interval.of(extent) for extent in extents]
    requested = timerange if timerange is not None else TimeRange.eternity()
    first, last = min(each.start for each in intervals), max(each.end for each in intervals)
    start = (
        first if requested.start is None else requested.start.to_nanosec() + (not requested.includes_start())
    )
    end = last if requested.end is None else requested.end.to_nanosec() + requested.includes_end()
    if requested.is_empty() or max(start, first) >= min(end, last):
        raise EssenceError(
            f"the flow has no media in {requested}; it has {Interval(first, last).timerange()}"
        )
    return Interval(start, end)
