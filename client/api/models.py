"""The documents of the API as typed values (TAMS 7.0 schemas).

A field the server did not send is None. Sources and flows keep the whole document they came from,
so a changed copy can be put back without losing fields that this client does not know.
"""

from typing import Any

import msgspec
from mediatimestamp import TimeRange, Timestamp

Document = dict[str, Any]


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """The store's description of itself (service.json)."""

    type: str
    api_version: str
    name: str | None = None
    description: str | None = None
    service_version: str | None = None


class StorageBackend(msgspec.Struct, frozen=True, kw_only=True):
    """A storage backend: where the store keeps bytes (storage-backend.json)."""

    id: str
    store_type: str
    provider: str
    store_product: str
    region: str | None = None
    availability_zone: str | None = None
    label: str | None = None
    default_storage: bool = False


class CollectionItem(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a collection and its role (collection-item.json)."""

    id: str
    role: str
    container_mapping: Document | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Content, whatever its encoding (source.json)."""

    id: str
    format: str
    document: Document
    label: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    created: str | None = None
    updated: str | None = None
    source_collection: list[CollectionItem] = []
    collected_by: list[str] = []


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One encoding of a source (flow.json); `timerange` is None unless it was requested."""

    id: str
    source_id: str
    format: str
    document: Document
    label: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    codec: str | None = None
    container: str | None = None
    read_only: bool = False
    essence_parameters: Document = {}
    flow_collection: list[CollectionItem] = []
    collected_by: list[str] = []
    timerange: TimeRange | None = None


class GetUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A way to fetch an object; `presigned` URLs expire and carry their own permission."""

    url: str
    label: str | None = None
    presigned: bool = False
    controlled: bool = True
    storage_id: str | None = None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A time range of a flow and the object that holds it (flow-segment.json)."""

    object_id: str
    timerange: TimeRange
    ts_offset: Timestamp | None = None
    last_duration: Timestamp | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None
    get_urls: list[GetUrl] = []


class UncontrolledUrl(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The URL of an object that the store does not manage."""

    url: str
    label: str | None = None


class NewSegment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A segment to register (flow-segment-post.json)."""

    object_id: str
    timerange: TimeRange
    ts_offset: Timestamp | None = None
    last_duration: Timestamp | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None
    get_urls: list[UncontrolledUrl] = []


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the store words it (error.json)."""

    type: str = ""
    summary: str = ""
    time: str | None = None


class FailedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment of a bulk request that was not stored, and why."""

    object_id: str
    timerange: TimeRange | None = None
    error: Problem | None = None


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the client to send, without credentials of the API (http-request.json)."""

    url: str
    content_type: str | None = msgspec.field(name="content-type", default=None)
    headers: dict[str, str] = {}

    def all_headers(self) -> dict[str, str]:
        """The headers the request must carry, its content type included."""
        if self.content_type is None:
            return dict(self.headers)
        others = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        return others | {"Content-Type": self.content_type}


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a new object and the request that uploads its bytes (flow-storage.json)."""

    object_id: str
    put_url: HttpRequest


class MediaObject(msgspec.Struct, frozen=True, kw_only=True):
    """Stored bytes and the flows that use them (object.json)."""

    id: str
    referenced_by_flows: list[str]
    first_referenced_by_flow: str | None = None


class DeletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion that continues after its request was answered (deletion-request.json)."""

    id: str
    flow_id: str
    status: str
    timerange_to_delete: TimeRange
    delete_flow: bool
