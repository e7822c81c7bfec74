"""Segments: JSON bodies to typed values, query parameters to protobuf (TAMS 7.0, flow-segment-post.json)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from tams.metadata.v1 import segment_service_pb2

from gateway.codecs import decoding, filters
from gateway.codecs.trash import delete_options
from gateway.errors import ErrorBody
from gateway.http.query import Query

MAX_SEGMENTS: Final = 10_000
# The most lists and objects in a body: segments, URLs and unknown members together.
MAX_CONTAINERS: Final = 150_000

Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class PostedUrl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An uncontrolled URL. Other members are refused, because a listing could not return them."""

    url: str
    label: str | UnsetType = UNSET


class PostedSegment(msgspec.Struct, frozen=True):
    """A segment that a client registers."""

    object_id: str
    timerange: str
    ts_offset: str = "0:0"
    last_duration: str | UnsetType = UNSET
    sample_offset: Count | UnsetType = UNSET
    sample_count: Count | UnsetType = UNSET
    key_frame_count: Count | UnsetType = UNSET
    get_urls: list[PostedUrl] = []


class _StrictSegment(PostedSegment, frozen=True, forbid_unknown_fields=True):
    """A segment without unknown members, like nearly all segments."""


class Posted(NamedTuple):
    """The segments of a body.

    `extras` has a JSON object with the unknown members of each segment that has any, by its index. `is_list`
    is False if the body was a single segment.
    """

    segments: Sequence[PostedSegment]
    extras: Mapping[int, bytes]
    is_list: bool

    def path(self, index: int) -> str:
        """The JSON path of a segment in the body."""
        return f"$[{index}]" if self.is_list else "$"


class FailedSegment(msgspec.Struct, frozen=True):
    """An item of flow-segment-bulk-failure.json."""

    object_id: str
    timerange: str
    error: ErrorBody


_StrictList = Annotated[list[_StrictSegment], msgspec.Meta(max_length=MAX_SEGMENTS)]
_List = Annotated[list[PostedSegment], msgspec.Meta(max_length=MAX_SEGMENTS)]
_strict: Final[msgspec.json.Decoder[PostedSegment | list[PostedSegment]]] = msgspec.json.Decoder(
    _StrictSegment | _StrictList
)
_tolerant: Final[msgspec.json.Decoder[PostedSegment | list[PostedSegment]]] = msgspec.json.Decoder(
    PostedSegment | _List
)
_Members = dict[str, msgspec.Raw]
_members: Final[msgspec.json.Decoder[_Members | list[_Members]]] = msgspec.json.Decoder(
    _Members | list[_Members]
)


def decode_post(body: bytes) -> Posted:
    """The segment or segments of a body. InvalidArgument with the JSON path of what does not fit."""
    decoding.check_containers(body, MAX_CONTAINERS)
    extras: Mapping[int, bytes] = {}
    try:
        posted = _strict.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        posted = decoding.decode(_tolerant, body)
        extras = _extras(body)
    if isinstance(posted, PostedSegment):
        return Posted([posted], extras, is_list=False)
    return Posted(posted, extras, is_list=True)


def _extras(body: bytes) -> dict[int, bytes]:
    decoded = _members.decode(body)
    known = PostedSegment.__struct_fields__
    extras: dict[int, bytes] = {}
    for index, members in enumerate([decoded] if isinstance(decoded, dict) else decoded):
        if extra := {name: value for name, value in members.items() if name not in known}:
            extras[index] = msgspec.json.encode(extra)
    return extras


def list_request(flow_id: str, query: Query) -> segment_service_pb2.ListSegmentsRequest:
    """The request of GET segments. InvalidArgument for a bad query."""
    return segment_service_pb2.ListSegmentsRequest(
        flow_id=flow_id,
        timerange=filters.timerange(query),
        object_id=query.text("object_id"),
        reverse=query.flag("reverse_order") or False,
        page_size=query.limit(),
        page_token=query.page(),
    )


def delete_request(flow_id: str, query: Query) -> segment_service_pb2.DeleteSegmentsRequest:
    """The request of DELETE segments. InvalidArgument for a bad query."""
    return segment_service_pb2.DeleteSegmentsRequest(
        flow_id=flow_id,
        timerange=filters.timerange(query),
        object_id=query.text("object_id"),
        options=delete_options(query),
    )
