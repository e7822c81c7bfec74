"""Tables of the VAST engine.

Columns hold what those of the one-machine engine hold, with three differences. The statistics of a flow
stand in its own row: a point read is one request, and that row is what two writers of a flow, or a writer
and a deletion, collide on. Rows carry storage ids as they are. There are tables that only this engine
needs: `timelines` (statistics of segments whose flow is gone), `locks`, `counters` and `writers`.

Inserts never collide on VAST, so a change that adds a row under a key that must be unique also writes the
row of `locks` that the key falls on.
"""

from typing import Final

import pyarrow as pa

from services.shared.vast.tables import ProjectionSpec, TableSpec

_TEXT, _INT, _BYTES, _BOOL = pa.string(), pa.int64(), pa.binary(), pa.bool_()

# Of segments: how many, their ends in nanoseconds, how the last end is written, when they last changed,
# and the longest there ever was, which bounds how far back a range query has to look.
STATISTICS: Final = {
    "segments": _INT, "start_ns": _INT, "end_ns": _INT, "end_inclusive": _BOOL, "updated": _TEXT,
    "longest_ns": _INT,
}  # fmt: skip
_LEASE: Final = {"lease_owner": _TEXT, "lease_until_ms": _INT}

_COLUMNS: Final[dict[str, dict[str, pa.DataType]]] = {
    "sources": {
        "id": _TEXT, "format": _TEXT, "label": _TEXT, "doc": _BYTES,
        "source_collection": _BYTES, "collected_by": _BYTES,
    },
    "flows": {
        "id": _TEXT, "timeline": _INT, "source_id": _TEXT, "format": _TEXT, "codec": _TEXT,
        "container": _TEXT, "label": _TEXT, "frame_width": _INT, "frame_height": _INT, "read_only": _BOOL,
        "doc": _BYTES, "collected_by": _BYTES, **STATISTICS,
    },
    "timelines": {"timeline": _INT, **STATISTICS},
    "tags": {"owner": _TEXT, "name": _TEXT, "value": _TEXT, "id": _TEXT},
    "collections": {"flow_id": _TEXT, "position": _INT, "member": _TEXT, "role": _TEXT},
    "segments": {
        "flow": _INT, "start_ns": _INT, "end_ns": _INT, "end_inclusive": _BOOL, "object_id": _TEXT,
        "storage_id": _TEXT, "storage_path": _TEXT, "external_urls": _BYTES, "doc": _BYTES,
    },
    "objects": {
        "id": _TEXT, "storage_id": _TEXT, "storage_path": _TEXT, "size": _INT, "state": _TEXT,
        "allocated_for_flow": _TEXT, "first_referenced_by_flow": _TEXT, "created_ms": _INT,
        "changed_ms": _INT, "measure_at_ms": _INT, "measure_attempts": _INT,
    },
    "service_info": {"name": _TEXT, "description": _TEXT},
    "webhooks": {
        "id": _TEXT, "url": _TEXT, "api_key_name": _TEXT, "api_key_value": _TEXT, "body": _BYTES,
        "settled": _INT, "behind": _BYTES, **_LEASE,
    },
    "events": {"id": _INT, "body": _BYTES},
    "dead_letters": {
        "webhook_id": _TEXT, "event_id": _INT, "attempts": _INT, "error": _TEXT, "body": _BYTES,
        "given_up_ms": _INT,
    },
    "deletion_requests": {
        "id": _TEXT, "status": _TEXT, "created_ms": _INT, "expiry_ms": _INT, "body": _BYTES, **_LEASE,
    },
    "loads": {"id": _TEXT, "changed_ms": _INT, "body": _BYTES},
    "load_keys": {"load": _TEXT, "number": _INT, "body": _BYTES},
    "locks": {"stripe": _INT, "stamp": _INT},
    "counters": {"name": _TEXT, "value": _INT},
    "writers": {"id": _TEXT, "change": _TEXT, "seen_ms": _INT},
}  # fmt: skip

_SORTED: Final[dict[str, tuple[str, ...]]] = {
    "sources": ("id",),
    "flows": ("id",),
    "tags": ("owner", "name", "value", "id"),
    "collections": ("flow_id",),
    "segments": ("flow", "start_ns"),
    "objects": ("id",),
    "events": ("id",),
}
# Which segments reference an object: the same question as in the other direction, in another order.
_PROJECTIONS: Final = {
    "segments": (ProjectionSpec("by_object", sorted_by=("object_id",), also=("flow", "start_ns")),),
}

# The limit of a cell is 128 KiB; some room is left for what documents gain when they are changed here.
MAX_CELL: Final = 126_000

TABLES: Final[dict[str, TableSpec]] = {
    name: TableSpec(name, pa.schema(columns), _SORTED.get(name, ()), _PROJECTIONS.get(name, ()))
    for name, columns in _COLUMNS.items()
}
COLUMNS: Final[dict[str, tuple[str, ...]]] = {name: tuple(columns) for name, columns in _COLUMNS.items()}
