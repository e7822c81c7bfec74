"""Flow documents for tests."""

import json
from typing import Any

from services.metadata.domain.ids import FlowId, SourceId

FORMATS = {
    "video": "urn:x-nmos:format:video",
    "audio": "urn:x-nmos:format:audio",
    "image": "urn:x-tam:format:image",
    "data": "urn:x-nmos:format:data",
    "multi": "urn:x-nmos:format:multi",
}

Document = dict[str, Any]


def uuid_of(kind: str, number: int) -> str:
    """A TAMS id: the same for the same kind and number, ascending by number within a kind."""
    return f"{sum(kind.encode()):04x}{number:04x}-0000-4000-a000-{number:012x}"


def flow_id(number: int) -> FlowId:
    return FlowId(uuid_of("flow", number))


def source_id(number: int) -> SourceId:
    return SourceId(uuid_of("source", number))


def a_flow(number: int = 1, kind: str = "video", *, source: int | None = None, **members: Any) -> Document:
    """The smallest flow of a kind that may have segments. Members are added, or removed with None."""
    document: Document = {
        "id": flow_id(number),
        "source_id": source_id(number if source is None else source),
        "format": FORMATS[kind],
        "container": "video/mp2t",
        **_ESSENCE[kind],
        **members,
    }
    return {name: value for name, value in document.items() if value is not None}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


_ESSENCE: dict[str, Document] = {
    "video": {"codec": "video/h264", "essence_parameters": {"frame_width": 1920, "frame_height": 1080}},
    "audio": {"codec": "audio/aac", "essence_parameters": {"sample_rate": 48000, "channels": 2}},
    "image": {"codec": "image/jpeg", "essence_parameters": {"frame_width": 640, "frame_height": 360}},
    "data": {"codec": "application/ttml+xml", "essence_parameters": {}},
    "multi": {},
}


def every_member(kind: str) -> Document:
    """A valid flow of a kind with every member of its schema."""
    return a_flow(1, kind, **{**_CORE, **_FULL[kind]})


_MAPPING: Document = {
    "track_index": 0,
    "format_track_index": 1,
    "audio_track": {"channel_numbers": [0, 1], "channel_range": "0_1"},
    "mp2ts_container": {"pid": 256},
    "mxf_container": {
        "package_uid": "urn:uuid:8f1c6a2e-0000-4000-8000-000000000001",
        "track_id": 2,
    },
    "isobmff_container": {"track_id": 1},
}
_CORE: Document = {
    "label": "a label",
    "description": "a description",
    "created_by": "someone",
    "updated_by": "someone else",
    "tags": {"a.b/c": "1", "\u00e9": ""},
    "metadata_version": "7",
    "generation": 0,
    "read_only": False,
    "codec": "video/raw",
    "avg_bit_rate": 5000,
    "max_bit_rate": 6000,
    "segment_duration": {"numerator": 2, "denominator": 1},
    "flow_collection": [{"id": flow_id(2), "role": "video", "container_mapping": _MAPPING}],
    "container_mapping": _MAPPING,
}
_RATIO: Document = {"numerator": 16, "denominator": 9}
_FULL: dict[str, Document] = {
    "video": {
        "essence_parameters": {
            "frame_rate": {"numerator": 50, "denominator": 1},
            "frame_width": 1920,
            "frame_height": 1080,
            "bit_depth": 8,
            "interlace_mode": "progressive",
            "colorspace": "BT709",
            "transfer_characteristic": "SDR",
            "aspect_ratio": _RATIO,
            "pixel_aspect_ratio": {"numerator": 1, "denominator": 1},
            "component_type": "YCbCr",
            "horiz_chroma_subs": 2,
            "vert_chroma_subs": 1,
            "unc_parameters": {"unc_type": "UYVY"},
            "avc_parameters": {"profile": 77, "level": 30, "flags": 0},
        }
    },
    "audio": {
        "codec": "audio/x-raw-int",
        "essence_parameters": {
            "sample_rate": 48000,
            "channels": 2,
            "bit_depth": 24,
            "codec_parameters": {"coded_frame_size": 1024, "mp4_oti": 2},
            "unc_parameters": {"unc_type": "interleaved"},
        },
    },
    "image": {
        "codec": "image/jpeg",
        "essence_parameters": {"frame_width": 640, "frame_height": 360, "aspect_ratio": _RATIO},
    },
    "data": {
        "codec": "application/ttml+xml",
        "essence_parameters": {"data_type": "urn:x-tam:data:ttml"},
    },
    "multi": {"codec": "video/mp2t"},
}
