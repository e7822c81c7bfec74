"""Tables, columns and projections: JSON <-> protobuf."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from tams.metadata.v1.table_admin_service_pb2 import (
    CheckConsistencyRequest,
    CheckConsistencyResponse,
    ColumnChange,
    ListTablesResponse,
    Projection,
    ResetTablesResponse,
    Table,
)

from gateway.codecs import decoding
from gateway.http.query import Query

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Names = Annotated[list[_Name], msgspec.Meta(max_length=64)]


class NewColumn(msgspec.Struct, frozen=True):
    """A column to add."""

    name: _Name
    type: _Name
    dry_run: bool = False


class ColumnName(msgspec.Struct, frozen=True):
    """A column's new name."""

    name: _Name
    confirm: str = ""
    dry_run: bool = False


class NewProjection(msgspec.Struct, frozen=True):
    """A projection to make."""

    name: _Name
    sorted_by: _Names
    also: _Names = []


class Reset(msgspec.Struct, frozen=True):
    """What confirms a reset."""

    confirm: str = ""
    dry_run: bool = False


new_column: Final = msgspec.json.Decoder(NewColumn)
column_name: Final = msgspec.json.Decoder(ColumnName)
new_projection: Final = msgspec.json.Decoder(NewProjection)
reset: Final = msgspec.json.Decoder(Reset)
decode = decoding.decode


def check_request(query: Query) -> CheckConsistencyRequest:
    """How much to look at."""
    return CheckConsistencyRequest(
        max_flows=_int32(query.number("max_flows", minimum=1)),
        max_segments=_int32(query.number("max_segments", minimum=1)),
    )


def tables(reply: ListTablesResponse) -> bytes:
    """The JSON of all tables."""
    cache = {"cache": _members(reply.cache)} if reply.HasField("cache") else {}
    return _json(
        schema=reply.schema,
        engine=reply.engine,
        tables=_tables(reply.tables),
        missing=list(reply.missing),
        endpoints=[_members(one) for one in reply.endpoints],
        **cache,
    )


def column(message: Any) -> bytes:
    """The JSON of a column or a projection."""
    return msgspec.json.encode(_members(message))


def change(reply: ColumnChange) -> bytes:
    """The JSON of a change of a column."""
    return _json(column=_members(reply.column), values=reply.values, done=reply.done)


def projections(messages: Iterable[Projection]) -> bytes:
    """The JSON of projections."""
    return _json(projections=[_members(one) for one in messages])


def was_reset(reply: ResetTablesResponse) -> bytes:
    """The JSON of what a reset removed."""
    return _json(tables=_tables(reply.tables), done=reply.done)


def consistency(reply: CheckConsistencyResponse) -> bytes:
    """The JSON of what was looked at and found."""
    return _json(
        inconsistencies=[_members(one) for one in reply.inconsistencies],
        flows=reply.flows,
        segments=reply.segments,
        complete=reply.complete,
    )


def _tables(messages: Iterable[Table]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "own": one.own,
            "rows": one.rows,
            "bytes": one.bytes,
            "columns": [_members(column) for column in one.columns],
        }
        for one in messages
    ]


def _members(message: Any) -> dict[str, Any]:
    """Every field of a flat message, those with default values too."""
    values = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    plain = (str, int, float, bool)
    return {name: value if isinstance(value, plain) else list(value) for name, value in values.items()}


def _json(**members: Any) -> bytes:
    return msgspec.json.encode(members)


def _int32(number: int | None) -> int:
    return min(number or 0, 2**31 - 1)
