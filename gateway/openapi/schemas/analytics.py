"""Answers of the analytics extension."""

from typing import Final

from gateway.openapi.parts import Part, array, described, integer, record, ref, text

_COUNT: Final[Part] = {"minimum": 0}

_COVERAGE: Final[Part] = {
    "timerange": described(ref("TimeRange"), "The range looked at."),
    "covered": array(ref("TimeRange"), "Stretches with media, ascending."),
    "gaps": array(ref("TimeRange"), "Stretches without media, ascending."),
    "covered_ns": integer("Nanoseconds with media in all.", **_COUNT),
    "gap_ns": integer("Nanoseconds without media in all.", **_COUNT),
    "segment_count": integer("Segments that overlap the range.", **_COUNT),
    "covered_count": integer("Stretches with media in all, listed or not.", **_COUNT),
    "gap_count": integer("Stretches without media in all, listed or not.", **_COUNT),
}

_USAGE: Final[Part] = {
    "storage_id": text("The storage backend; empty for objects outside this store."),
    "objects": integer("Objects in use.", **_COUNT),
    "measured_objects": integer("Those of them whose size is known.", **_COUNT),
    "bytes": integer("Bytes of the measured objects.", **_COUNT),
    "allocated_objects": integer("Objects allocated but not in use yet.", **_COUNT),
    "unreferenced_objects": integer("Objects no longer in use.", **_COUNT),
}

SCHEMAS: Final[Part] = {
    "Coverage": record("Which parts of a flow hold media.", _COVERAGE, required=tuple(_COVERAGE)),
    "StorageUsage": record(
        "What is stored where.",
        {
            "backends": array(
                record("What one storage backend holds.", _USAGE, required=tuple(_USAGE)),
                "Ascending by id.",
            )
        },
        required=("backends",),
    ),
}
