"""An example of everything that a body holds, by the name of its schema.

They tell one story: a camera's video flow, its first segment, and who is told of it.
"""

from typing import Any, Final

from gateway.openapi.parts import Part
from gateway.openapi.schemas.webhook import EVENTS, event_schema

_FLOW_ID: Final = "4a1f0c5e-6d0b-4b8e-9d57-0c1a9e7f3b11"
_SOURCE_ID: Final = "b7f3a9c2-1d4e-4c6a-8f20-5e9d7c3b1a22"
_BACKEND_ID: Final = "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10"
_DELETION_ID: Final = "9c8e7d6f-5a4b-4c3d-8e2f-1a0b9c8d7e33"
_MOMENT: Final = "2026-03-04T12:00:00.000Z"
_RANGE: Final = "[0:0_2:0)"
_OBJECT_ID: Final = "camera-1-0001"

_FLOW: Final[Part] = {
    "id": _FLOW_ID,
    "source_id": _SOURCE_ID,
    "format": "urn:x-nmos:format:video",
    "label": "Camera 1, house format",
    "tags": {"location": "Studio 3"},
    "codec": "video/h264",
    "container": "video/mp2t",
    "max_bit_rate": 12000,
    "essence_parameters": {
        "frame_rate": {"numerator": 50, "denominator": 1},
        "frame_width": 1920,
        "frame_height": 1080,
    },
}
_LOAD: Final[Part] = {
    "id": _DELETION_ID,
    "kind": "segments",
    "state": "open",
    "rows": 10_000,
    "inserted": 9999,
    "skipped": 1,
}
_COLUMN: Final[Part] = {"name": "rating", "type": "int64", "own": False}
_TABLE: Final[Part] = {"name": "flows", "own": True, "rows": 1, "bytes": 8192, "columns": [_COLUMN]}
_PROJECTION: Final[Part] = {
    "name": "by_rating",
    "sorted_by": ["rating"],
    "also": ["id"],
    "own": False,
    "status": "ready",
}
_SOURCE: Final[Part] = {
    "id": _SOURCE_ID,
    "format": "urn:x-nmos:format:video",
    "label": "Camera 1",
    "created": _MOMENT,
    "updated": _MOMENT,
}
_SEGMENT: Final[Part] = {"object_id": _OBJECT_ID, "timerange": _RANGE, "ts_offset": "0:0"}
_NEW_SEGMENT: Final[Part] = {
    "object_id": _OBJECT_ID,
    "timerange": _RANGE,
    "get_urls": [{"url": "https://archive.example/camera-1-0001.ts", "label": "archive"}],
}
_GET_URL: Final[Part] = {"url": f"https://media.example/tams/{_OBJECT_ID}?sign=...", "label": "main"}
_BACKEND: Final[Part] = {
    "id": _BACKEND_ID,
    "store_type": "http_object_store",
    "provider": "In house",
    "store_product": "SeaweedFS",
    "label": "main",
    "default_storage": True,
}
_ERROR: Final[Part] = {"type": "SEGMENT_OVERLAP", "summary": "overlaps another segment", "time": _MOMENT}
_DELETION: Final[Part] = {
    "id": _DELETION_ID,
    "flow_id": _FLOW_ID,
    "timerange_to_delete": "_",
    "timerange_remaining": "[3600:0_7200:0)",
    "delete_flow": True,
    "status": "started",
    "created": _MOMENT,
    "updated": _MOMENT,
}
_WEBHOOK: Final[Part] = {
    "url": "https://automation.example/tams-events",
    "events": ["flows/created", "flows/segments_added"],
    "api_key_name": "X-Api-Key",
    "source_ids": [_SOURCE_ID],
}
_EVENTS: Final[dict[str, Part]] = {
    "flows/created": {"flow": _FLOW},
    "flows/updated": {"flow": _FLOW},
    "flows/deleted": {"flow_id": _FLOW_ID},
    "flows/segments_added": {"flow_id": _FLOW_ID, "segments": [_SEGMENT]},
    "flows/segments_deleted": {"flow_id": _FLOW_ID, "timerange": _RANGE},
    "sources/created": {"source": _SOURCE},
    "sources/updated": {"source": _SOURCE},
    "sources/deleted": {"source_id": _SOURCE_ID},
}

EXAMPLES: Final[dict[str, Any]] = {
    "Resources": ["service", "flows", "sources", "objects", "flow-delete-requests"],
    "Service": {
        "type": "urn:x-tams:service",
        "api_version": "7.0",
        "name": "Studio 3",
        "event_stream_mechanisms": [{"name": "webhooks"}],
    },
    "ServiceChange": {"name": "Studio 3", "description": "News and current affairs"},
    "StorageBackends": [_BACKEND],
    "Webhook": _WEBHOOK,
    "Webhooks": [_WEBHOOK],
    "NewWebhook": {**_WEBHOOK, "api_key_value": "a long random text"},
    "Source": _SOURCE,
    "Sources": [_SOURCE],
    "Text": "Camera 1",
    "Tags": {"location": "Studio 3", "rights/until": "2030"},
    "BitRate": 12000,
    "ReadOnly": True,
    "FlowCollection": [{"id": _FLOW_ID, "role": "video", "container_mapping": {"track_index": 0}}],
    "Flow": _FLOW,
    "Flows": [_FLOW],
    "NewFlows": [_FLOW],
    "Segments": [{**_SEGMENT, "get_urls": [{**_GET_URL, "presigned": True}]}],
    "NewSegments": [_NEW_SEGMENT],
    "FailedSegments": {"failed_segments": [{"object_id": _OBJECT_ID, "timerange": _RANGE, "error": _ERROR}]},
    "StorageRequest": {"limit": 2},
    "FlowStorage": {
        "media_objects": [
            {"object_id": _OBJECT_ID, "put_url": {"url": _GET_URL["url"], "content-type": "video/mp2t"}}
        ]
    },
    "Object": {"id": _OBJECT_ID, "referenced_by_flows": [_FLOW_ID], "first_referenced_by_flow": _FLOW_ID},
    "DeletionRequest": _DELETION,
    "DeletionRequests": [_DELETION],
    "SourceChanges": [{"id": _SOURCE_ID, "label": "Camera 1", "tags": {"location": "Studio 3"}}],
    "BatchResults": {"results": [{"status": 201, "id": _FLOW_ID}]},
    "Coverage": {
        "timerange": "[0:0_4:0)",
        "covered": [_RANGE],
        "gaps": ["[2:0_4:0)"],
        "covered_ns": 2_000_000_000,
        "gap_ns": 2_000_000_000,
        "segment_count": 1,
        "covered_count": 1,
        "gap_count": 1,
    },
    "StorageUsage": {
        "backends": [
            {
                "storage_id": _BACKEND_ID,
                "objects": 1,
                "measured_objects": 1,
                "bytes": 1_500_000,
                "allocated_objects": 9,
                "unreferenced_objects": 0,
            }
        ]
    },
    "Tables": {
        "schema": "tams.db",
        "engine": "sqlite",
        "tables": [_TABLE],
        "missing": [],
        "endpoints": [],
    },
    "Column": _COLUMN,
    "NewColumn": {"name": "rating", "type": "int64"},
    "ColumnName": {"name": "stars", "confirm": "rating"},
    "ColumnChange": {"column": _COLUMN, "values": 0, "done": True},
    "Projection": _PROJECTION,
    "Projections": {"projections": [_PROJECTION]},
    "NewProjection": {"name": "by_rating", "sorted_by": ["rating"], "also": ["id"]},
    "Reset": {"confirm": "tams.db"},
    "WasReset": {"tables": [_TABLE], "done": True},
    "Consistency": {
        "inconsistencies": [
            {
                "kind": "MISSING_SOURCE",
                "table": "flows",
                "id": _FLOW_ID,
                "summary": f"its source {_SOURCE_ID} does not exist",
            }
        ],
        "flows": 1,
        "segments": 1,
        "complete": True,
    },
    "NewLoad": {"id": _DELETION_ID, "kind": "segments"},
    "LoadEnd": {"state": "done"},
    "Load": _LOAD,
    "Rows": [{"flow_id": _FLOW_ID, "object_id": _OBJECT_ID, "timerange": _RANGE}],
    "LoadedRows": {
        "load": _LOAD,
        "committed": True,
        "repeated": False,
        "failed": 1,
        "failures": [{"row": 9000, "error": _ERROR}],
    },
    "LoadRollback": {"load": _LOAD | {"state": "rolled_back"}, "done": True, "removed": 9999, "kept": 0},
    "Health": {
        "status": "SERVING",
        "services": {"metadata": "SERVING", "media": "SERVING", "analytics": "SERVING"},
    },
    "Error": _ERROR,
    **{
        event_schema(name): {"event_timestamp": _MOMENT, "event_type": name, "event": _EVENTS[name]}
        for name in EVENTS
    },
}
