"""Which flows an export reads, and which stretch of time."""

from collections.abc import Sequence
from typing import Final

from mediatimestamp import TimeRange

from client.api import Flow
from client.essence.errors import EssenceError
from client.essence.stretch import Stretch
from client.export.ports import Store

KINDS: Final = {"urn:x-nmos:format:video": "video", "urn:x-nmos:format:audio": "audio"}
_MULTI: Final = "urn:x-nmos:format:multi"


async def members(store: Store, flow_id: str) -> list[Flow]:
    """The flows with the media: the flow itself, or what a multi flow collects, in its order.

    EssenceError where there is neither video nor audio.
    """
    flow = await store.flow(flow_id, include_timerange=True)
    found = [flow]
    if flow.format == _MULTI:
        found = [await store.flow(item.id, include_timerange=True) for item in flow.flow_collection]
    playable = [flow for flow in found if flow.format in KINDS and flow.container]
    if not playable:
        raise EssenceError(f"flow {flow_id} has neither video nor audio")
    return playable


def stretch(flows: Sequence[Flow], wanted: TimeRange | None) -> Stretch:
    """The stretch to export: what is asked for, and up to the media's ends where that is unbounded.

    EssenceError where the flows have no media in it.
    """
    extents = [
        flow.timerange for flow in flows if flow.timerange is not None and not flow.timerange.is_empty()
    ]
    if not extents:
        raise EssenceError("the flow has no media")
    whole = [Stretch.of(extent) for extent in extents]
    asked = wanted if wanted is not None else TimeRange.eternity()
    first, last = min(part.start for part in whole), max(part.end for part in whole)
    start = first if asked.start is None else asked.start.to_nanosec() + (not asked.includes_start())
    end = last if asked.end is None else asked.end.to_nanosec() + asked.includes_end()
    if asked.is_empty() or max(start, first) >= min(end, last):
        raise EssenceError(f"the flow has no media in {asked}; it has {Stretch(first, last).timerange()}")
    return Stretch(start, end)
