"""Essence parameters and the other structured members of a flow, as types that msgspec validates.

Shapes follow flow-video.json, flow-audio.json, flow-image.json, flow-data.json, container-mapping.json
and collection-item.json of TAMS 7.0. Essence parameters refuse unknown members, as those schemas do.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from services.metadata.domain.ids import SentFlowId

MimeType: TypeAlias = Annotated[str, Meta(pattern=r"^[^\s/]+/[^\s/]+\Z")]
Natural: TypeAlias = Annotated[int, Meta(ge=0)]
Positive: TypeAlias = Annotated[int, Meta(gt=0)]
# Clients filter by frame size, so it must fit the 32-bit columns of the tables.
Pixels: TypeAlias = Annotated[int, Meta(gt=0, le=2**31 - 1)]

_UMID = r"urn:smpte:umid:[0-9a-fA-F]{8}(.[0-9a-fA-F]{8}){7}"
_UUID_URN = r"urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


class Rate(Struct):
    """A rational number. Its denominator is optional and defaults to 1."""

    numerator: Positive
    denominator: Positive = 1


class Ratio(Struct):
    """A rational number with both terms."""

    numerator: Positive
    denominator: Positive


class UncompressedVideo(Struct):
    """The packing of raw video samples."""

    unc_type: Literal[
        "planar", "YUYV", "UYVY", "AYUV", "v210", "v216", "RGB", "RGBx",
        "xRGB", "BGRx", "xBGR", "RGBA", "ARGB", "BGRA", "ABGR", "alpha",
    ]  # fmt: skip


# Packings of luma and colour difference. Flows with these must state their chroma sub-sampling.
YUV_PACKINGS = frozenset({"YUYV", "UYVY", "AYUV", "v210", "v216"})


class AvcParameters(Struct):
    """The three bytes of an H.264 codec string (RFC 6381)."""

    profile: int
    level: int
    flags: int


class VideoParameters(Struct, forbid_unknown_fields=True):
    """Essence parameters of a video flow."""

    frame_width: Pixels
    frame_height: Pixels
    frame_rate: Rate | UnsetType = UNSET
    bit_depth: Positive | UnsetType = UNSET
    interlace_mode: (
        Literal["progressive", "interlaced_tff", "interlaced_bff", "interlaced_psf"] | UnsetType
    ) = UNSET
    colorspace: Literal["BT601", "BT709", "BT2020", "BT2100"] | UnsetType = UNSET
    transfer_characteristic: Literal["SDR", "HLG", "PQ"] | UnsetType = UNSET
    aspect_ratio: Ratio | UnsetType = UNSET
    pixel_aspect_ratio: Ratio | UnsetType = UNSET
    component_type: Literal["YCbCr", "RGB"] | UnsetType = UNSET
    horiz_chroma_subs: Positive | UnsetType = UNSET
    vert_chroma_subs: Positive | UnsetType = UNSET
    unc_parameters: UncompressedVideo | UnsetType = UNSET
    avc_parameters: AvcParameters | UnsetType = UNSET


class ImageParameters(Struct, forbid_unknown_fields=True):
    """Essence parameters of a still image flow."""

    frame_width: Pixels
    frame_height: Pixels
    aspect_ratio: Ratio | UnsetType = UNSET


class AudioCodec(Struct):
    """Parameters of coded audio."""

    coded_frame_size: int | UnsetType = UNSET
    mp4_oti: int | UnsetType = UNSET


class UncompressedAudio(Struct):
    """The layout of raw audio channels."""

    unc_type: Literal["interleaved", "planar", "pairs"]


class AudioParameters(Struct, forbid_unknown_fields=True):
    """Essence parameters of an audio flow."""

    sample_rate: Positive
    channels: Positive
    bit_depth: Positive | UnsetType = UNSET
    codec_parameters: AudioCodec | UnsetType = UNSET
    unc_parameters: UncompressedAudio | UnsetType = UNSET


class DataParameters(Struct, forbid_unknown_fields=True):
    """Essence parameters of a data flow."""

    data_type: str | UnsetType = UNSET


class AudioTrack(Struct):
    """The channels of a container's audio track that a flow uses."""

    channel_numbers: Annotated[list[Natural], Meta(min_length=1)] | UnsetType = UNSET
    channel_range: Annotated[str, Meta(pattern=r"^[0-9]+_[0-9]+\Z")] | UnsetType = UNSET


class TransportStream(Struct):
    """The place in an MPEG-2 transport stream (ISO/IEC 13818-1)."""

    pid: int | UnsetType = UNSET


class MaterialExchange(Struct):
    """The place in an MXF file (SMPTE ST 377-1)."""

    package_uid: Annotated[str, Meta(pattern=rf"^({_UMID}|{_UUID_URN})\Z")] | UnsetType = UNSET
    track_id: int | UnsetType = UNSET


class IsoMedia(Struct):
    """The place in an ISO base media file (ISO/IEC 14496-12)."""

    track_id: int | UnsetType = UNSET


class ContainerMapping(Struct):
    """The place of a flow's essence in a container."""

    track_index: Natural | UnsetType = UNSET
    format_track_index: Natural | UnsetType = UNSET
    audio_track: AudioTrack | UnsetType = UNSET
    mp2ts_container: TransportStream | UnsetType = UNSET
    mxf_container: MaterialExchange | UnsetType = UNSET
    isobmff_container: IsoMedia | UnsetType = UNSET


class CollectionItem(Struct):
    """A member of a collection: the id and role of a collected flow."""

    id: SentFlowId
    role: str
    container_mapping: ContainerMapping | UnsetType = UNSET
