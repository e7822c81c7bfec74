"""Segments."""

from typing import Final

from gateway.codecs import segment as codec
from gateway.openapi.parts import Part, array, boolean, described, integer, record, ref, text
from gateway.openapi.schemas.service import BACKEND_FACTS

_TIMING: Final[Part] = {
    "object_id": text("The media object; free text.", minLength=1, maxLength=1024),
    "timerange": described(
        ref("TimeRange"), "Place on the flow's timeline: bounded, not empty, its start inclusive."
    ),
    "ts_offset": described(ref("Timestamp"), "Flow time minus the time in the object; 0:0 when absent."),
    "last_duration": described(ref("Timestamp"), "Exclusive end minus the last sample's time; 0:0 or more."),
    "sample_offset": integer("Samples to skip from the object's start; 0 when absent."),
    "sample_count": integer("Samples used; all that follow when absent."),
    "key_frame_count": integer("Key frames that serve as access points."),
}

_GET_URL: Final[Part] = record(
    "A URL that returns the object's bytes.",
    {
        "url": text("Where to GET the bytes."),
        "label": text("Name to filter by."),
        "presigned": boolean("Whether the URL carries its own permission, for a limited time."),
        "storage_id": described(ref("Id"), "The storage backend; with verbose_storage."),
        "controlled": boolean("Whether this store manages the bytes; with verbose_storage."),
        **BACKEND_FACTS,
    },
    required=("url",),
)

_POSTED_URL: Final[Part] = record(
    "A URL outside this store's control, handed out as it is.",
    {
        "url": text("Where to GET the bytes.", minLength=1, maxLength=8192),
        "label": text("Name to filter by; not that of a storage backend.", minLength=1, maxLength=1024),
    },
    required=("url",),
)

_FAILED: Final[Part] = record(
    "A segment that was not stored.",
    {"object_id": text("Its media object."), "timerange": ref("TimeRange"), "error": ref("Error")},
    required=("object_id",),
)

SCHEMAS: Final[Part] = {
    "Segment": record(
        "Which object holds which part of a flow.",
        {**_TIMING, "get_urls": array(_GET_URL, "Where to read the object; the first is preferred.")},
        required=("object_id", "timerange"),
    ),
    "Segments": array(ref("Segment"), "One page of segments in order of time."),
    "NewSegment": record(
        "A segment to register.",
        {
            **_TIMING,
            "get_urls": array(_POSTED_URL, "URLs outside this store's control.", maxItems=codec.MAX_URLS),
        },
        required=("object_id", "timerange"),
    ),
    "NewSegments": {
        "description": "One segment, or a list in which each succeeds or fails on its own.",
        "oneOf": [
            ref("NewSegment"),
            array(ref("NewSegment"), "Segments, tried in order.", maxItems=codec.MAX_SEGMENTS),
        ],
    },
    "FailedSegments": record(
        "The segments of a list that were not stored; all others were.",
        {"failed_segments": array(_FAILED, "In the order given.")},
        required=("failed_segments",),
    ),
}
