"""A store in memory with the guarantees that ingest and export need, and with faults in its steps."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from mediatimestamp import TimeRange, Timestamp

from client.api import (
    Allocation,
    FailedSegment,
    Flow,
    Forbidden,
    GetUrl,
    HttpRequest,
    InvalidRequest,
    NewSegment,
    NotFound,
    Problem,
    Segment,
)
from client.api.codec import with_document


class MemoryStore:
    """A store in memory.

    `trouble` is called with the name of each step before and after it takes effect, and may raise.
    """

    def __init__(self, trouble: Callable[[str], None] = lambda _step: None) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.registered: dict[str, list[NewSegment]] = {}
        self.allocated: list[str] = []
        self.bytes: dict[str, bytes] = {}
        self.expired: set[str] = set()
        self.trouble = trouble

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        self.trouble("flow")
        if flow_id not in self.documents:
            raise NotFound(404, "NotFound", f"no flow {flow_id}")
        document = dict(self.documents[flow_id])
        if include_timerange:
            document["timerange"] = str(self._extent(flow_id))
        return with_document(document, Flow)

    async def put_flow(self, document: Mapping[str, Any]) -> Flow | None:
        self.trouble("before put_flow")
        missing = [item for item in document.get("flow_collection", []) if item["id"] not in self.documents]
        if missing:
            raise InvalidRequest(400, "UnknownMember", f"no flows {missing}")
        known = document["id"] in self.documents
        self.documents[document["id"]] = dict(document)
        self.trouble("after put_flow")
        return None if known else with_document(dict(document), Flow)

    async def segments(
        self, flow_id: str, timerange: TimeRange | None = None, *, limit: int = 300, **filters: Any
    ) -> AsyncIterator[Segment]:
        assert limit > 0
        self.trouble("segments")
        found = sorted(self.registered.get(flow_id, []), key=start_of)
        if filters.get("reverse_order"):
            found.reverse()
        with_urls = filters.get("accept_get_urls") != ""
        for segment in found:
            if timerange is None or segment.timerange.overlaps_with_timerange(timerange):
                urls = [GetUrl(url=f"memory:{segment.object_id}", presigned=True)] if with_urls else []
                yield Segment(**{**_fields(segment), "get_urls": urls})

    async def create_segments(self, flow_id: str, segments: Sequence[NewSegment]) -> list[FailedSegment]:
        self.trouble("before create_segments")
        failed = []
        for segment in segments:
            reason = self._refusal(flow_id, segment)
            if reason is None:
                self.registered.setdefault(flow_id, []).append(segment)
            else:
                problem = Problem(type="Refused", summary=reason)
                failed.append(
                    FailedSegment(object_id=segment.object_id, timerange=segment.timerange, error=problem)
                )
        self.trouble("after create_segments")
        if failed and len(segments) == 1:
            raise InvalidRequest(400, "Refused", problem.summary)
        return failed

    async def allocate_storage(self, flow_id: str, *, limit: int | None = None) -> list[Allocation]:
        self.trouble("before allocate_storage")
        assert self.documents[flow_id]["container"] == "video/mp2t"
        ids = [f"object-{len(self.allocated) + index}" for index in range(limit or 1)]
        self.allocated += ids
        self.trouble("after allocate_storage")
        return [Allocation(object_id=name, put_url=HttpRequest(url=f"memory:{name}")) for name in ids]

    async def upload(self, put_url: HttpRequest, content: bytes) -> None:
        self.trouble("before upload")
        name = put_url.url.removeprefix("memory:")
        if name in self.expired:
            raise Forbidden(403, "AccessDenied", "Request has expired")
        self.bytes[name] = content
        self.trouble("after upload")

    async def download(self, url: str) -> bytes:
        self.trouble("download")
        return self.bytes[url.removeprefix("memory:")]

    def _refusal(self, flow_id: str, segment: NewSegment) -> str | None:
        if "container" not in self.documents[flow_id]:
            return "the flow has no container"
        if segment.object_id not in self.allocated:
            return "unknown object"
        present = self.registered.get(flow_id, [])
        if any(segment.timerange.overlaps_with_timerange(other.timerange) for other in present):
            return "overlaps another segment"
        return None

    def _extent(self, flow_id: str) -> TimeRange:
        extent = TimeRange.never()
        for segment in self.registered.get(flow_id, []):
            extent = extent.extend_to_encompass_timerange(segment.timerange)
        return extent


def start_of(segment: NewSegment) -> Timestamp:
    """The start of a segment on its flow's timeline."""
    assert segment.timerange.start is not None
    return segment.timerange.start


def _fields(segment: NewSegment) -> dict[str, Any]:
    names = (
        "object_id",
        "timerange",
        "ts_offset",
        "last_duration",
        "sample_offset",
        "sample_count",
        "key_frame_count",
    )
    return {name: getattr(segment, name) for name in names}
