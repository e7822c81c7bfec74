"""Parameters that operations take."""

from typing import Final

from gateway.codecs.filters import FORMATS
from gateway.openapi.parts import Part, boolean, enum, integer, ref, text
from services.shared.ids import UUID_PATTERN


def _path(name: str, description: str, schema: Part) -> Part:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query(name: str, description: str, schema: Part) -> Part:
    return {"name": name, "in": "query", "description": description, "schema": schema}


PATH: Final[dict[str, Part]] = {
    "flowId": _path("flowId", "The flow.", ref("Id")),
    "sourceId": _path("sourceId", "The source.", ref("Id")),
    "requestId": _path("requestId", "The deletion request.", text("An id.")),
    "name": _path(
        "name", "The tag, percent-encoded; it may contain dots and slashes.", text("A name.", minLength=1)
    ),
    "objectId": _path(
        "objectId", "The object, percent-encoded; it may contain slashes.", text("An object id.")
    ),
    "table": _path("table", "The table.", text("A name.")),
    "column": _path("column", "The column.", text("A name.")),
    "projection": _path("projection", "The projection.", text("A name.")),
    "loadId": _path("loadId", "The load.", text("An id.")),
}

PAGING: Final[tuple[Part, ...]] = (
    _query("page", "Key of a page, from X-Paging-NextKey; the first page when absent.", text("A key.")),
    _query(
        "limit", "Most items to return; more than the maximum counts as the maximum.", integer("", minimum=1)
    ),
)

TAGS: Final[tuple[Part, ...]] = (
    _query("tag.{name}", "Keep those whose tag of this name has exactly this value.", text("A value.")),
    _query("tag_exists.{name}", "Keep those that have, or lack, a tag of this name.", boolean("")),
)

LABEL: Final = _query("label", "Keep those with exactly this label.", text("A label."))
FORMAT: Final = _query("format", "Keep those of this format.", enum("A format.", *FORMATS))

FLOW_FILTERS: Final[tuple[Part, ...]] = (
    _query("source_id", "Keep flows of this source.", ref("Id")),
    _query(
        "timerange",
        "Keep flows with segments in this range; `()` keeps flows without segments, `_` all.",
        ref("TimeRange"),
    ),
    FORMAT,
    _query("codec", "Keep flows of exactly this codec.", text("A MIME type.", pattern="/")),
    LABEL,
    _query("frame_width", "Keep flows of this frame width.", integer("Pixels.", minimum=0)),
    _query("frame_height", "Keep flows of this frame height.", integer("Pixels.", minimum=0)),
    *TAGS,
)

FLOW_TIMERANGE: Final[tuple[Part, ...]] = (
    _query("include_timerange", "Put the extent of its segments into the flow.", boolean("", default=False)),
    _query("timerange", "Clip that extent to this range.", ref("TimeRange")),
)

OBJECT_ID: Final = _query("object_id", "Only segments of this object.", text("An object id."))

SEGMENT_FILTERS: Final[tuple[Part, ...]] = (
    _query("timerange", "Keep segments that overlap this range.", ref("TimeRange")),
    OBJECT_ID,
    _query("reverse_order", "Newest first.", boolean("", default=False)),
    _query("verbose_storage", "Tell more of where each URL leads.", boolean("", default=False)),
    _query(
        "accept_get_urls",
        "Keep URLs with one of these labels, joined by commas. Empty: no URLs at all.",
        text("Labels.", pattern="^([^,]+(,[^,]+)*)?$"),
    ),
    _query(
        "accept_storage_ids",
        "Keep URLs on one of these storage backends, joined by commas. Empty: all.",
        text("Ids.", pattern=f"^({UUID_PATTERN}(,{UUID_PATTERN})*)?$"),
    ),
    _query("presigned", "Keep only presigned URLs (true) or only others (false).", boolean("")),
)

DELETED_RANGE: Final[tuple[Part, ...]] = (
    _query("timerange", "Only segments that lie in this range completely.", ref("TimeRange")),
    OBJECT_ID,
)

COVERAGE: Final[tuple[Part, ...]] = (
    _query("timerange", "The range to look at; the whole flow when absent.", ref("TimeRange")),
    _query(
        "max_ranges",
        "Most stretches of each kind to list; 10,000 at most.",
        integer("", minimum=1, default=1000),
    ),
)

CONFIRM: Final[tuple[Part, ...]] = (
    _query("confirm", "The column's name, once more; not needed for a dry run.", text("A name.")),
    _query("dry_run", "Check everything, change nothing.", boolean("", default=False)),
)

CONSISTENCY: Final[tuple[Part, ...]] = (
    _query("max_flows", "Most flows to look at.", integer("", minimum=1, maximum=100_000, default=1000)),
    _query(
        "max_segments",
        "Most segments to look at in all.",
        integer("", minimum=1, maximum=10_000_000, default=100_000),
    ),
)

LOADED_ROWS: Final[tuple[Part, ...]] = (
    _query(
        "first_row",
        "Place of the first of these rows in the whole input.",
        integer("", minimum=0, default=0),
    ),
    _query("skip_bad", "Leave out bad rows and insert the others.", boolean("", default=False)),
)
