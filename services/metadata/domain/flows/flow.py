"""Flows: the valid documents, and flows as they are stored (TAMS 7.0 flow.json)."""

from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET

from services.metadata.domain.documents.jsons import (
    Members,
    check_containers,
    check_depth,
    check_numbers,
    decode,
    read,
    require_json,
)
from services.metadata.domain.flows import essence
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.flows.formats import AnyFlow, AudioFlow, VideoFlow
from services.metadata.domain.ids import FlowId, SourceId
from services.shared.json.reading import refuse
from services.shared.timerange import NEVER, TimeRange

# Members that clients may send but only the service sets, so they are ignored (flow-core.json, ADR 0003).
_IGNORED: Final = ("created", "metadata_updated", "segments_updated", "collected_by", "timerange")
_DECODER: Final = msgspec.json.Decoder(AnyFlow)
_MEMBERS: Final = msgspec.json.Decoder(Members)


class FlowInput(NamedTuple):
    """A valid flow document: as a typed value, and as its members without those that the service manages."""

    flow: AnyFlow
    members: Members

    @property
    def format(self) -> str:
        """The format URN."""
        return str(self.members["format"])

    @property
    def frame_size(self) -> tuple[int | None, int | None]:
        """Width and height in pixels of a video or image flow; None, None for other formats."""
        parameters = getattr(self.flow, "essence_parameters", None)
        if isinstance(parameters, essence.VideoParameters | essence.ImageParameters):
            return parameters.frame_width, parameters.frame_height
        return None, None

    @property
    def collection(self) -> list[CollectionItem]:
        """The collected flows."""
        return self.flow.flow_collection or []

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return self.flow.tags or {}


class StoredFlow(NamedTuple):
    """A flow as the tables hold it, with the extent of its segments in nanoseconds.

    `timeline` is the key of its segments. A new flow with the id of a deleted one has another timeline.
    """

    id: FlowId
    timeline: int
    source_id: SourceId
    format: str
    container: str
    read_only: int
    document: bytes
    collected_by: bytes | None
    start_ns: int | None
    end_ns: int | None
    end_inclusive: int | None
    segments_updated: str | None

    @property
    def weight(self) -> int:
        """The approximate number of bytes of the document that clients see."""
        return len(self.document) + len(self.collected_by or b"")

    @property
    def extent(self) -> TimeRange:
        """The smallest range that spans its segments; empty if there are no segments."""
        if self.start_ns is None:
            return NEVER
        return TimeRange(self.start_ns, self.end_ns, bool(self.end_inclusive))


def parse_flow(document: bytes) -> FlowInput:
    """The flow in a TAMS JSON document.

    InvalidArgument BAD_FLOW with the path of the fault, DOCUMENT_TOO_LARGE above MAX_DOCUMENT_BYTES or
    MAX_CONTAINERS.
    """
    check_numbers(document, "BAD_FLOW")
    flow, document = read(_DECODER, document, "BAD_FLOW")
    check_containers(document)
    members = decode(_MEMBERS, document, "BAD_FLOW")
    check_depth(members, document, "BAD_FLOW")
    _check_video(flow)
    _check_audio(flow)
    for name in _IGNORED:
        members.pop(name, None)
    return FlowInput(flow, members)


def served_document(flow: StoredFlow, timerange: str | None = None) -> bytes:
    """The document that clients see: the stored members, then the members that are derived when it is read.

    `timerange` is TAMS text; None leaves the member out. DataDamaged if the document is not JSON.
    """
    derived = []
    if flow.segments_updated:
        derived.append(b'"segments_updated":"%b"' % flow.segments_updated.encode())
    if flow.collected_by:
        derived.append(b'"collected_by":%b' % flow.collected_by)
    if timerange is not None:
        derived.append(b'"timerange":"%b"' % timerange.encode())
    document = b"%b,%b}" % (flow.document[:-1], b",".join(derived)) if derived else flow.document
    return require_json(document, "flow", flow.id)


def _check_video(flow: AnyFlow) -> None:
    if not isinstance(flow, VideoFlow):
        return
    parameters = flow.essence_parameters
    packing = parameters.unc_parameters
    if flow.codec == "video/raw":
        _require(parameters.bit_depth, "bit_depth", "codec is video/raw")
        _require(packing, "unc_parameters", "codec is video/raw")
    if isinstance(packing, essence.UncompressedVideo) and packing.unc_type in essence.YUV_PACKINGS:
        _require(parameters.horiz_chroma_subs, "horiz_chroma_subs", f"unc_type is {packing.unc_type}")
        _require(parameters.vert_chroma_subs, "vert_chroma_subs", f"unc_type is {packing.unc_type}")


def _check_audio(flow: AnyFlow) -> None:
    if not isinstance(flow, AudioFlow) or flow.codec not in ("audio/x-raw-int", "audio/x-raw-float"):
        return
    parameters = flow.essence_parameters
    _require(parameters.bit_depth, "bit_depth", f"codec is {flow.codec}")
    _require(parameters.unc_parameters, "unc_parameters", f"codec is {flow.codec}")
    if flow.codec == "audio/x-raw-float" and parameters.bit_depth not in (32, 64):
        raise refuse(
            "must be 32 or 64 when codec is audio/x-raw-float", "$.essence_parameters.bit_depth", "BAD_FLOW"
        )


def _require(value: object, name: str, condition: str) -> None:
    if value is UNSET:
        raise refuse(f"must be set when {condition}", f"$.essence_parameters.{name}", "BAD_FLOW")
