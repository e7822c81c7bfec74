"""Tables of the VAST engine.

The columns are those of the SQLite engine, with these differences:

- The row of a flow has its statistics, so a read of the flow is one request, and two writers of a flow, or a
  writer and a deletion, conflict. For the same reasons it has `deleting`, the ids of open deletion requests.
- Rows have storage ids themselves instead of a reference to a table of storages.
- `segments` of an object is the number of segments that reference it; NULL if an earlier version did not
  count them.
- Classes are rows of the table of tags, as there.
- `object_accesses` may have several rows for an object, whose numbers add up.
- The tables `timelines` (statistics of segments without a flow), `trash_places` (places of deleted flows in
  collections, which one cell may not hold), `audit_new` (entries that have no number yet), `locks`,
  `counters` and `writers` exist only here.

Inserts never conflict on VAST. So a change that adds a row with a unique key also writes the row of `locks`
to which the key is mapped.
"""

from typing import Final

import pyarrow as pa

from services.vast_client.filters.filters import Scalar
from services.vast_client.tables import ProjectionSpec, TableSpec

# Grows with each new table or column. It is written into backups.
SCHEMA_VERSION: Final = 2

_TEXT, _INT, _BYTES, _BOOL = pa.string(), pa.int64(), pa.binary(), pa.bool_()

# Statistics of segments: their number, first start, last end, whether that end is inclusive, the time of the
# last change, and the longest duration ever, by which queries limit their range. Times are nanoseconds.
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
        "doc": _BYTES, "collected_by": _BYTES, "deleting": _TEXT, **STATISTICS,
    },
    "timelines": {"timeline": _INT, **STATISTICS},
    "tags": {"owner": _TEXT, "name": _TEXT, "value": _TEXT, "id": _TEXT},
    "collections": {"flow_id": _TEXT, "position": _INT, "member": _TEXT, "role": _TEXT},
    "segments": {
        "flow": _INT, "start_ns": _INT, "end_ns": _INT, "end_inclusive": _BOOL, "object_id": _TEXT,
        "storage_id": _TEXT, "storage_path": _TEXT, "external_urls": _BYTES, "doc": _BYTES,
        "copies": _TEXT,
    },
    "objects": {
        "id": _TEXT, "storage_id": _TEXT, "storage_path": _TEXT, "size": _INT, "state": _TEXT,
        "allocated_for_flow": _TEXT, "first_referenced_by_flow": _TEXT, "created_ms": _INT,
        "changed_ms": _INT, "measure_at_ms": _INT, "measure_attempts": _INT, "segments": _INT,
        "etag": _TEXT,
        "copies": _TEXT,
    },
    "object_copies": {
        "object_id": _TEXT, "storage_id": _TEXT, "storage_path": _TEXT, "state": _TEXT, "created_ms": _INT,
        "changed_ms": _INT, "lease_until_ms": _INT,
    },
    "object_accesses": {"object_id": _TEXT, "urls": _INT, "last_ms": _INT},
    "storage_backends": {"id": _TEXT, "label": _TEXT},
    "service_info": {"name": _TEXT, "description": _TEXT},
    "users": {
        "name": _TEXT, "password_hash": _TEXT, "scopes": _TEXT, "suspended": _BOOL, "created_ms": _INT,
        "changed_ms": _INT, "classes": _TEXT,
    },
    "api_keys": {
        "id": _TEXT, "name": _TEXT, "secret_hash": _BYTES, "scopes": _TEXT, "suspended": _BOOL,
        "created_ms": _INT, "expires_ms": _INT, "last_used_ms": _INT, "classes": _TEXT,
    },
    "webhooks": {
        "id": _TEXT, "url": _TEXT, "api_key_name": _TEXT, "api_key_value": _TEXT, "body": _BYTES,
        "settled": _INT, "behind": _BYTES, **_LEASE, "created_by": _TEXT,
    },
    "events": {"id": _INT, "body": _BYTES},
    "dead_letters": {
        "webhook_id": _TEXT, "event_id": _INT, "attempts": _INT, "error": _TEXT, "body": _BYTES,
        "given_up_ms": _INT,
    },
    "deletion_requests": {
        "id": _TEXT, "status": _TEXT, "created_ms": _INT, "expiry_ms": _INT, "body": _BYTES,
        "created_by": _TEXT, **_LEASE,
    },
    "trash": {
        "id": _TEXT, "operation": _TEXT, "number": _INT, "kind": _TEXT, "flow_id": _TEXT,
        "source_id": _TEXT, "timeline": _INT, "deleted_ms": _INT, "purge_ms": _INT, "body": _BYTES,
        "flow_doc": _BYTES, "source_doc": _BYTES, **_LEASE,
    },
    "trash_places": {"entry": _TEXT, "number": _INT, "body": _BYTES},
    "loads": {"id": _TEXT, "changed_ms": _INT, "body": _BYTES},
    "load_keys": {"load": _TEXT, "number": _INT, "body": _BYTES},
    "audit": {
        "number": _INT, "time_ns": _INT, "principal": _TEXT, "action": _TEXT, "resource": _TEXT,
        "request_id": _TEXT, "before": _TEXT, "after": _TEXT, "outcome": _TEXT, "facts": _TEXT,
    },
    "audit_new": {
        "id": _TEXT, "place": _INT, "time_ns": _INT, "principal": _TEXT, "action": _TEXT, "resource": _TEXT,
        "request_id": _TEXT, "before": _TEXT, "after": _TEXT, "outcome": _TEXT, "facts": _TEXT,
    },
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
    "object_accesses": ("object_id",),
    "object_copies": ("object_id",),
    "events": ("id",),
    "audit": ("number",),
}
# Projections for queries that the order of the table does not serve. A query may ask only for columns of the
# projection, so some projections only give ids, and the rows are read by these. Updates do not write
# projections, so they cost nothing; the database reads from the table what a projection lacks.
_PROJECTIONS: Final = {
    "segments": (ProjectionSpec("by_object", sorted_by=("object_id",), also=("flow", "start_ns")),),
    "flows": (
        ProjectionSpec("by_timeline", sorted_by=("timeline",), also=("id",)),
        ProjectionSpec("by_source", sorted_by=("source_id",), also=("id",)),
        ProjectionSpec("by_label", sorted_by=("label",), also=("id",)),
    ),
    "sources": (ProjectionSpec("by_label", sorted_by=("label",), also=("id",)),),
    "tags": (ProjectionSpec("by_id", sorted_by=("owner", "id"), also=("name", "value")),),
    "collections": (
        ProjectionSpec("by_member", sorted_by=("member",), also=("flow_id", "position", "role")),
    ),
    "objects": (
        ProjectionSpec("by_measuring", sorted_by=("measure_at_ms",), also=("id",)),
        ProjectionSpec("by_state", sorted_by=("state", "changed_ms"), also=("id",)),
        ProjectionSpec("by_place", sorted_by=("storage_path",), also=("id", "storage_id")),
    ),
    "object_copies": (
        ProjectionSpec("by_state", sorted_by=("state", "changed_ms"), also=("object_id", "storage_id")),
        ProjectionSpec("by_place", sorted_by=("storage_path",), also=("object_id", "storage_id")),
    ),
}

_ENTRY_DEFAULTS: Final[dict[str, Scalar]] = {
    "time_ns": 0, "principal": "", "action": "", "resource": "", "request_id": "", "outcome": "done",
    "facts": "{}",
}  # fmt: skip
# The values for rows that are older than a column, or have lost its value. Statistics are counted instead.
DEFAULTS: Final[dict[str, dict[str, Scalar]]] = {
    "sources": {"format": "", "doc": b""},
    "flows": {
        "source_id": "", "format": "", "codec": "", "container": "", "read_only": False, "doc": b"",
    },
    "tags": {"value": "", "id": ""},
    "collections": {"position": 0, "member": "", "role": ""},
    "segments": {"end_inclusive": False, "object_id": "", "doc": b""},
    # Objects of unknown state count as registered, so that none of them is removed.
    "objects": {"state": "registered", "created_ms": 0, "changed_ms": 0, "measure_attempts": 0},
    "object_accesses": {"urls": 0, "last_ms": 0},
    # Copies of unknown state are not handed out, and nothing deletes them.
    "object_copies": {
        "storage_id": "", "storage_path": "", "state": "", "created_ms": 0, "changed_ms": 0,
        "lease_until_ms": 0,
    },
    # Users and keys that have lost a value cannot be used.
    "users": {"password_hash": "", "scopes": "", "suspended": True, "created_ms": 0, "changed_ms": 0},
    "api_keys": {"name": "", "secret_hash": b"", "scopes": "", "suspended": True, "created_ms": 0},
    "webhooks": {"settled": 0, "lease_owner": "", "lease_until_ms": 0, "created_by": "system"},
    "dead_letters": {"attempts": 0, "error": "", "given_up_ms": 0},
    "deletion_requests": {"status": "", "created_ms": 0, "lease_owner": "", "lease_until_ms": 0},
    # An entry without a time is not purged.
    "trash": {
        "operation": "", "number": 0, "kind": "", "flow_id": "", "source_id": "", "deleted_ms": 0,
        "purge_ms": 2**62, "lease_owner": "", "lease_until_ms": 0,
    },
    "loads": {"changed_ms": 0},
    "audit": _ENTRY_DEFAULTS,
    "audit_new": {"place": 0, **_ENTRY_DEFAULTS},
}  # fmt: skip

# A cell has at most 128 KiB. The rest is left for members that the store adds to documents.
MAX_CELL: Final = 126_000

TABLES: Final[dict[str, TableSpec]] = {
    name: TableSpec(name, pa.schema(columns), _SORTED.get(name, ()), _PROJECTIONS.get(name, ()))
    for name, columns in _COLUMNS.items()
}
COLUMNS: Final[dict[str, tuple[str, ...]]] = {name: tuple(columns) for name, columns in _COLUMNS.items()}
