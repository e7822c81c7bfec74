"""Tables, columns and projections: JSON and query parameters to protobuf, protobuf to JSON."""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from google.protobuf.message import Message
from tams.metadata.v1 import administration_service_pb2

from gateway.codecs import decoding
from gateway.http.query import Query

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Names = Annotated[list[_Name], msgspec.Meta(max_length=64)]


class NewColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column to add. A dry run checks the request and changes nothing, here and below."""

    name: _Name
    type: _Name
    dry_run: bool = False


class ColumnName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new name of a column; `confirm` must be its old name."""

    name: _Name
    confirm: str = ""
    dry_run: bool = False


class NewProjection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A projection to create; `also` are columns that it has but is not sorted by."""

    name: _Name
    sorted_by: _Names
    also: _Names = []


class Repair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A repair: its confirmation, its limits, and where to continue."""

    confirm: str = ""
    dry_run: bool = False
    max_flows: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    max_segments: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    after: str = ""


class Reset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reset; `confirm` must be the name of the schema."""

    confirm: str = ""
    dry_run: bool = False


_new_column: Final = msgspec.json.Decoder(NewColumn)
_column_name: Final = msgspec.json.Decoder(ColumnName)
_new_projection: Final = msgspec.json.Decoder(NewProjection)
_repair: Final = msgspec.json.Decoder(Repair)
_reset: Final = msgspec.json.Decoder(Reset)


def add_column_request(table: str, body: bytes) -> administration_service_pb2.AddColumnRequest:
    """The request to add the column in a body. InvalidArgument if the body does not fit, here and below."""
    column = decoding.decode(_new_column, body)
    return administration_service_pb2.AddColumnRequest(
        table=table, name=column.name, type=column.type, dry_run=column.dry_run
    )


def rename_column_request(
    table: str, column: str, body: bytes
) -> administration_service_pb2.RenameColumnRequest:
    """The request to give a column the name in a body."""
    change = decoding.decode(_column_name, body)
    return administration_service_pb2.RenameColumnRequest(
        table=table, column=column, name=change.name, confirm=change.confirm, dry_run=change.dry_run
    )


def create_projection_request(table: str, body: bytes) -> administration_service_pb2.CreateProjectionRequest:
    """The request to create the projection in a body."""
    projection = decoding.decode(_new_projection, body)
    return administration_service_pb2.CreateProjectionRequest(
        table=table, name=projection.name, sorted_by=projection.sorted_by, also=projection.also
    )


def reset_request(body: bytes) -> administration_service_pb2.ResetTablesRequest:
    """The request to reset all tables."""
    reset = decoding.decode(_reset, body)
    return administration_service_pb2.ResetTablesRequest(confirm=reset.confirm, dry_run=reset.dry_run)


def check_request(query: Query) -> administration_service_pb2.CheckConsistencyRequest:
    """The request of GET consistency. InvalidArgument for a bad query."""
    return administration_service_pb2.CheckConsistencyRequest(
        max_flows=_int32(query.number("max_flows", minimum=1)),
        max_segments=_int32(query.number("max_segments", minimum=1)),
        after=query.text("after") or "",
    )


def repair_request(body: bytes) -> administration_service_pb2.RepairTablesRequest:
    """The request to repair inconsistent rows."""
    repair = decoding.decode(_repair, body)
    return administration_service_pb2.RepairTablesRequest(
        confirm=repair.confirm,
        dry_run=repair.dry_run,
        max_flows=repair.max_flows or 0,
        max_segments=repair.max_segments or 0,
        after=repair.after,
    )


def tables(reply: administration_service_pb2.ListTablesResponse) -> bytes:
    """The JSON of all tables."""
    cache = {"cache": _members(reply.cache)} if reply.HasField("cache") else {}
    return _json(
        schema=reply.schema,
        engine=reply.engine,
        tables=_tables(reply.tables),
        missing=list(reply.missing),
        unfit=list(reply.unfit),
        endpoints=[_members(endpoint) for endpoint in reply.endpoints],
        **cache,
    )


def column(message: administration_service_pb2.Column) -> bytes:
    """The JSON of a column."""
    return msgspec.json.encode(_members(message))


def projection(message: administration_service_pb2.Projection) -> bytes:
    """The JSON of a projection."""
    return msgspec.json.encode(_members(message))


def column_change(reply: administration_service_pb2.ColumnChange) -> bytes:
    """The JSON of the effect of a change of a column, or of the effect that it would have in a dry run."""
    return _json(column=_members(reply.column), values=reply.values, done=reply.done)


def projections(messages: Iterable[administration_service_pb2.Projection]) -> bytes:
    """The JSON of the projections of a table."""
    return _json(projections=[_members(message) for message in messages])


def reset_result(reply: administration_service_pb2.ResetTablesResponse) -> bytes:
    """The JSON of the tables that a reset emptied, with the rows they had."""
    return _json(tables=_tables(reply.tables), done=reply.done)


def consistency(reply: administration_service_pb2.CheckConsistencyResponse) -> bytes:
    """The JSON of the inconsistencies that were found and of how much was examined."""
    return _json(**_examination(reply))


def repair_result(reply: administration_service_pb2.RepairTablesResponse) -> bytes:
    """The JSON of a repair: as `consistency`, and whether it was done."""
    return _json(**_examination(reply), done=reply.done)


def _examination(
    reply: administration_service_pb2.CheckConsistencyResponse
    | administration_service_pb2.RepairTablesResponse,
) -> dict[str, object]:
    return {
        "inconsistencies": [_members(inconsistency) for inconsistency in reply.inconsistencies],
        "flows": reply.flows,
        "segments": reply.segments,
        "complete": reply.complete,
        "after": reply.after,
    }


def _tables(messages: Iterable[administration_service_pb2.Table]) -> list[dict[str, object]]:
    return [
        {
            "name": table.name,
            "own": table.own,
            "rows": table.rows,
            "bytes": table.bytes,
            "sorted_by": list(table.sorted_by),
            "columns": [_members(column) for column in table.columns],
        }
        for table in messages
    ]


def _members(message: Message) -> dict[str, object]:
    """All fields of a message that has no nested messages, default values included."""
    values = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    plain = (str, int, float, bool)
    return {name: value if isinstance(value, plain) else list(value) for name, value in values.items()}


def _json(**members: object) -> bytes:
    return msgspec.json.encode(members)


def _int32(number: int | None) -> int:
    return min(number or 0, 2**31 - 1)
