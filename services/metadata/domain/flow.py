"""Flows: which documents are valid, and what a stored flow is made of (TAMS 7.0 flow.json)."""

from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from services.metadata.domain import essence
from services.metadata.domain.essence import CollectionItem, ContainerMapping, MimeType, Natural, Uuid
from services.metadata.domain.jsons import check_depth, decode, read, refuse

# Members a client may send but only the service sets (flow-core.json, ADR 0003).
_IGNORED: Final = ("created", "metadata_updated", "segments_updated", "collected_by", "timerange")
_MAX_COLLECTION: Final = 1000


class _FlowCore(Struct, kw_only=True, tag_field="format"):
    id: Uuid
    source_id: Uuid
    label: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_by: str | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    metadata_version: str | UnsetType = UNSET
    generation: Natural | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET
    codec: MimeType | UnsetType = UNSET
    container: MimeType | UnsetType = UNSET
    avg_bit_rate: Natural | UnsetType = UNSET
    max_bit_rate: Natural | UnsetType = UNSET
    segment_duration: essence.Rate | UnsetType = UNSET
    flow_collection: Annotated[list[CollectionItem], Meta(max_length=_MAX_COLLECTION)] | UnsetType = UNSET
    container_mapping: ContainerMapping | UnsetType = UNSET


class VideoFlow(_FlowCore, kw_only=True, tag="urn:x-nmos:format:video"):
    """Moving pictures (flow-video.json)."""

    codec: MimeType
    essence_parameters: essence.VideoParameters


class AudioFlow(_FlowCore, kw_only=True, tag="urn:x-nmos:format:audio"):
    """Sound (flow-audio.json)."""

    codec: MimeType
    essence_parameters: essence.AudioParameters


class ImageFlow(_FlowCore, kw_only=True, tag="urn:x-tam:format:image"):
    """Still pictures (flow-image.json)."""

    codec: MimeType
    essence_parameters: essence.ImageParameters


class DataFlow(_FlowCore, kw_only=True, tag="urn:x-nmos:format:data"):
    """Anything else on a timeline (flow-data.json)."""

    codec: MimeType
    essence_parameters: essence.DataParameters


class MultiFlow(_FlowCore, kw_only=True, tag="urn:x-nmos:format:multi"):
    """Several flows belonging together, or essences in one container (flow-multi.json)."""


AnyFlow = VideoFlow | AudioFlow | ImageFlow | DataFlow | MultiFlow
_DECODER: Final = msgspec.json.Decoder(AnyFlow)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Any])


class FlowInput(NamedTuple):
    """A valid flow document: its typed reading, and all its members but those the service manages."""

    flow: AnyFlow
    members: dict[str, Any]

    @property
    def format(self) -> str:
        """The format URN."""
        return str(self.members["format"])

    @property
    def frame_size(self) -> tuple[int | None, int | None]:
        """Width and height in pixels of video and image flows."""
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
    """A flow as the tables hold it, with the extent of its segments."""

    id: str
    timeline: int  # names the flow's segments, also when the flow is deleted and its id used again
    source_id: str
    format: str
    codec: str
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
        """Bytes of its document as clients see it, about."""
        return len(self.document) + len(self.collected_by or b"")


def parse_flow(document: bytes) -> FlowInput:
    """The flow in a TAMS JSON document; InvalidArgument BAD_FLOW with the path of the fault."""
    members = decode(_MEMBERS, document, "BAD_FLOW")
    check_depth(members, document, "BAD_FLOW")
    flow, corrected = read(_DECODER, document, "BAD_FLOW")
    if corrected is not document:
        members = decode(_MEMBERS, corrected, "BAD_FLOW")
    _check_video(flow)
    _check_audio(flow)
    for name in _IGNORED:
        members.pop(name, None)
    return FlowInput(flow, members)


def served_document(flow: StoredFlow, timerange: str | None = None) -> bytes:
    """The document as clients see it: stored members, then what is derived at read time."""
    derived = []
    if flow.segments_updated:
        derived.append(b'"segments_updated":"%b"' % flow.segments_updated.encode())
    if flow.collected_by:
        derived.append(b'"collected_by":%b' % flow.collected_by)
    if timerange is not None:
        derived.append(b'"timerange":"%b"' % timerange.encode())
    if not derived:
        return flow.document
    return b"%b,%b}" % (flow.document[:-1], b",".join(derived))


def _check_video(flow: AnyFlow) -> None:
    if not isinstance(flow, VideoFlow):
        return
    parameters = flow.essence_parameters
    packing = parameters.unc_parameters
    if flow.codec == "video/raw":
        _need(parameters.bit_depth, "bit_depth", "codec is video/raw")
        _need(packing, "unc_parameters", "codec is video/raw")
    if isinstance(packing, essence.UncompressedVideo) and packing.unc_type in essence.YUV_PACKINGS:
        _need(parameters.horiz_chroma_subs, "horiz_chroma_subs", f"unc_type is {packing.unc_type}")
        _need(parameters.vert_chroma_subs, "vert_chroma_subs", f"unc_type is {packing.unc_type}")


def _check_audio(flow: AnyFlow) -> None:
    if not isinstance(flow, AudioFlow) or flow.codec not in ("audio/x-raw-int", "audio/x-raw-float"):
        return
    parameters = flow.essence_parameters
    _need(parameters.bit_depth, "bit_depth", f"codec is {flow.codec}")
    _need(parameters.unc_parameters, "unc_parameters", f"codec is {flow.codec}")
    if flow.codec == "audio/x-raw-float" and parameters.bit_depth not in (32, 64):
        raise refuse("must be 32 or 64 when codec is audio/x-raw-float", "$.essence_parameters.bit_depth")


def _need(value: object, name: str, when: str) -> None:
    if value is UNSET:
        raise refuse(f"must be set when {when}", f"$.essence_parameters.{name}")
