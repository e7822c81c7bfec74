"""The members of a flow for each format (TAMS 7.0 flow-core.json and flow-video.json to flow-multi.json)."""

from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from services.metadata.domain.flows import essence
from services.metadata.domain.flows.essence import CollectionItem, ContainerMapping, MimeType, Natural
from services.metadata.domain.ids import SentFlowId, SentSourceId

_MAX_COLLECTION: Final = 1000


class _FlowCore(Struct, kw_only=True, tag_field="format"):
    id: SentFlowId
    source_id: SentSourceId
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


AnyFlow: TypeAlias = VideoFlow | AudioFlow | ImageFlow | DataFlow | MultiFlow
