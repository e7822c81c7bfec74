"""Administration: extensions for operators, refused unless the operator turned them on."""

from typing import Any, Final

from gateway.openapi.describe import created, done, ok, operation
from gateway.openapi.parameters import CONFIRM, CONSISTENCY, LOADED_ROWS
from gateway.openapi.parts import Part

_OFF: Final = (403,)
_TABLE: Final = (403, 404)
_CHANGE: Final = (400, 403, 404)


def _admin(name: str, summary: str, answers: Part, fails: tuple[int, ...] = _OFF, **more: Any) -> Part:
    description = "For operators: 403 unless the setting TAMS_GATEWAY_ADMIN is true."
    return operation(name, summary, answers, fails=fails, **more) | {"description": description}


OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/x/admin/tables": {
        "get": _admin("listTables", "Tables, their columns and sizes", ok("Tables", "All tables.")),
    },
    "/x/admin/tables/{table}/columns": {
        "post": _admin(
            "addColumn",
            "Add a column",
            ok("ColumnChange", "What was done, or would be."),
            _CHANGE,
            body="NewColumn",
        ),
    },
    "/x/admin/tables/{table}/columns/{column}": {
        "get": _admin("getColumn", "Whether a column exists", ok("Column", "It does."), _TABLE),
        "put": _admin(
            "renameColumn",
            "Give a column another name",
            ok("ColumnChange", "What was done, or would be."),
            _CHANGE,
            body="ColumnName",
        ),
        "delete": _admin(
            "dropColumn",
            "Remove a column and what it holds",
            ok("ColumnChange", "What was done, or would be."),
            _CHANGE,
            takes=CONFIRM,
        ),
    },
    "/x/admin/tables/{table}/projections": {
        "get": _admin(
            "listProjections",
            "Other orders of a table's rows: secondary indexes in SQLite",
            ok("Projections", "By name."),
            _TABLE,
        ),
        "post": _admin(
            "createProjection",
            "Make a projection",
            created("It is made.", "Projection"),
            _CHANGE,
            body="NewProjection",
        ),
    },
    "/x/admin/tables/{table}/projections/{projection}": {
        "delete": _admin("dropProjection", "Remove a projection", done("It is gone."), _TABLE),
    },
    "/x/admin/cache": {
        "delete": _admin(
            "refreshTables", "Forget what is remembered of the tables", done("It is forgotten.")
        ),
    },
    "/x/admin/reset": {
        "post": _admin(
            "resetTables",
            "Remove everything that is stored, but not the objects' bytes",
            ok("WasReset", "What went, or would go."),
            (400, 403),
            body="Reset",
        ),
    },
    "/x/admin/consistency": {
        "get": _admin(
            "checkConsistency",
            "Rows that contradict each other",
            ok("Consistency", "What was looked at and found."),
            (400, 403),
            takes=CONSISTENCY,
        ),
    },
    "/x/admin/loads": {
        "post": _admin(
            "startLoad",
            "Begin a bulk load, or find it as it is",
            created("It takes rows.", "Load"),
            (400, 403),
            body="NewLoad",
        ),
    },
    "/x/admin/loads/{loadId}": {
        "get": _admin("getLoad", "How far a load is", ok("Load", "As it is."), _TABLE),
        "put": _admin(
            "finishLoad",
            "End a load: what it inserted stays for good",
            ok("Load", "It is done."),
            _CHANGE,
            body="LoadEnd",
        ),
        "delete": _admin(
            "rollBackLoad",
            "Remove some of what a load inserted; to be repeated until it is done",
            ok("LoadRollback", "How far it is."),
            _CHANGE,
        ),
    },
    "/x/admin/loads/{loadId}/rows": {
        "post": _admin(
            "loadRows",
            "Insert the next rows of a load in one transaction",
            ok("LoadedRows", "What became of them."),
            _CHANGE,
            takes=LOADED_ROWS,
            body="Rows",
        ),
    },
}
