"""Administration of tables, and bulk loads."""

from typing import Final

from gateway.openapi.parts import Part, array, boolean, described, enum, integer, record, ref, text

_DRY_RUN: Final = boolean("Check everything, change nothing.", default=False)
_CONFIRM: Final = text("The name of what is changed, once more; not needed for a dry run.", default="")
_DONE: Final = boolean("Whether it was done; false for a dry run.")
_NAME: Final = text("A name.", minLength=1, maxLength=256)
_KIND: Final = enum("What the rows are.", "sources", "flows", "objects", "segments")

_TABLE: Final[Part] = record(
    "A table and its size.",
    {
        "name": text("Its name."),
        "own": boolean("Whether the service needs it."),
        "rows": integer("Rows."),
        "bytes": integer("Bytes, indexes included."),
        "columns": array(ref("Column"), "Its columns in order."),
    },
    required=("name", "own", "rows", "bytes", "columns"),
)

_ENDPOINT: Final[Part] = record(
    "A database server.",
    {
        "address": text("Its address."),
        "latency_seconds": {"type": "number", "description": "Running average of its answers."},
        "error_rate": {"type": "number", "description": "Running average, 0 to 1."},
        "out_of_use": boolean("Whether calls are kept off it for now."),
    },
    required=("address", "latency_seconds", "error_rate", "out_of_use"),
)

_CACHE: Final[Part] = record(
    "Rows that the process which answered keeps in memory.",
    {
        "entries": {"type": "integer", "description": "Rows kept now."},
        "hits": {"type": "integer", "description": "Reads since its start that found what they asked."},
        "misses": {"type": "integer", "description": "Reads that did not."},
    },
    required=("entries", "hits", "misses"),
)

_INCONSISTENCY: Final[Part] = record(
    "Something that contradicts something else.",
    {
        "kind": text("What kind, a stable name."),
        "table": text("The table of the row."),
        "id": text("The row's id."),
        "summary": text("One sentence for people."),
    },
    required=("kind", "table", "id", "summary"),
)

_ADMIN: Final[Part] = {
    "Column": record(
        "A column.",
        {
            "name": text("Its name."),
            "type": text("string, int64, float64, binary, bool, or a type of the engine's own."),
            "own": boolean("Whether the service needs it."),
        },
        required=("name", "type", "own"),
    ),
    "Tables": record(
        "All tables.",
        {
            "schema": text("What holds the tables; a reset asks for this name."),
            "engine": text("sqlite or vast."),
            "tables": array(_TABLE, "By name."),
            "missing": array(text("table or table.column"), "What the service needs and is not there."),
            "endpoints": array(_ENDPOINT, "The servers of an engine that has several."),
            "cache": _CACHE,
        },
        required=("schema", "engine", "tables", "missing", "endpoints"),
    ),
    "NewColumn": record(
        "A column to add.",
        {
            "name": _NAME,
            "type": text("string, int64, float64, binary or bool.", minLength=1, maxLength=256),
            "dry_run": _DRY_RUN,
        },
        required=("name", "type"),
    ),
    "ColumnName": record(
        "A column's new name.",
        {"name": _NAME, "confirm": _CONFIRM, "dry_run": _DRY_RUN},
        required=("name",),
    ),
    "ColumnChange": record(
        "What a change of a column did, or would do.",
        {
            "column": described(ref("Column"), "As it is afterwards; as it was, when it is dropped."),
            "values": integer("Rows that held a value in it."),
            "done": _DONE,
        },
        required=("column", "values", "done"),
    ),
    "Projection": record(
        "Another order of a table's rows.",
        {
            "name": text("Its name."),
            "sorted_by": array(text("A column."), "In this order."),
            "also": array(text("A column."), "Columns it holds besides."),
            "own": boolean("Whether the service needs it."),
            "status": text("How far it is, in the engine's own words; ready when queries may use it."),
        },
        required=("name", "sorted_by", "also", "own", "status"),
    ),
    "Projections": record(
        "The projections of a table.",
        {"projections": array(ref("Projection"), "By name.")},
        required=("projections",),
    ),
    "NewProjection": record(
        "A projection to make.",
        {
            "name": _NAME,
            "sorted_by": array(_NAME, "Columns to sort by.", maxItems=64),
            "also": array(_NAME, "Columns to hold besides.", maxItems=64, default=[]),
        },
        required=("name", "sorted_by"),
    ),
    "Reset": record("What confirms a reset.", {"confirm": _CONFIRM, "dry_run": _DRY_RUN}),
    "WasReset": record(
        "What went, or would go.",
        {"tables": array(_TABLE, "With the rows they held."), "done": _DONE},
        required=("tables", "done"),
    ),
    "Consistency": record(
        "What was looked at and found.",
        {
            "inconsistencies": array(_INCONSISTENCY, "At most 1000."),
            "flows": integer("Flows that were looked at."),
            "segments": integer("Segments that were looked at."),
            "complete": boolean("Whether that was all there is."),
        },
        required=("inconsistencies", "flows", "segments", "complete"),
    ),
}

_LOADS: Final[Part] = {
    "NewLoad": record(
        "A load to begin.",
        {"id": text("A UUID of the caller's choice."), "kind": _KIND},
        required=("id", "kind"),
    ),
    "Load": record(
        "A bulk load.",
        {
            "id": text("Its id."),
            "kind": _KIND,
            "state": enum("Where it is in its life.", "open", "done", "rolled_back"),
            "rows": integer("Rows of the input that are done with: the place of the next one."),
            "inserted": integer("Rows inserted."),
            "skipped": integer("Rows left out because they were bad."),
        },
        required=("id", "kind", "state", "rows", "inserted", "skipped"),
    ),
    "LoadEnd": record(
        "What to make of a load.", {"state": enum("The only one there is.", "done")}, required=("state",)
    ),
    "Rows": array(
        record("A row.", {}, additionalProperties=True), "The next rows of the input.", maxItems=100_000
    ),
    "LoadedRows": record(
        "What became of a batch.",
        {
            "load": ref("Load"),
            "committed": boolean("Whether it is committed, now or before."),
            "repeated": boolean("Whether it had been committed before."),
            "failed": integer("How many rows were bad."),
            "failures": array(
                record(
                    "A row that was not inserted.",
                    {"row": integer("Its place in the whole input."), "error": ref("Error")},
                    required=("row", "error"),
                ),
                "The first 1000 of them.",
            ),
        },
        required=("load", "committed", "repeated", "failed", "failures"),
    ),
    "LoadRollback": record(
        "How far a rollback is.",
        {
            "load": ref("Load"),
            "done": boolean("Whether nothing of it is left to remove."),
            "removed": integer("Rows removed by this call."),
            "kept": integer("Rows that stay because something needs them."),
        },
        required=("load", "done", "removed", "kept"),
    ),
}

SCHEMAS: Final[Part] = {**_ADMIN, **_LOADS}
