"""Query requests: an Arrow compute-IR relation read into columns and a tree of terms."""

import struct
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Call import Call
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Expression import Expression
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.ExpressionImpl import ExpressionImpl
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.FieldIndex import FieldIndex
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.FieldRef import FieldRef
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Literal import Literal
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Relation import Relation
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.RelationImpl import RelationImpl
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Source import Source
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.Field import Field

from simulators.vast.http.refusals import bad_request
from simulators.vast.queries.literals import Value, read_literal

T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """A column, or a field inside one: the path holds child positions."""

    name: str
    path: tuple[int, ...] = ()


@dataclass(frozen=True)
class Term:
    """A function of a column and literals."""

    function: str
    column: Column
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Junction:
    """`and` or `or` over terms; `and` of nothing holds always."""

    function: str
    members: "tuple[Term | Junction, ...]"


@dataclass(frozen=True)
class Query:
    """Which columns to send, and of which rows."""

    projected: tuple[str, ...]
    condition: Term | Junction | None

    @property
    def tested(self) -> set[str]:
        """Names of the columns that the condition looks at."""
        return _tested(self.condition) if self.condition else set()


def read_query(body: bytes) -> Query:
    """Returns the query in a request body; raises Refusal (400)."""
    try:
        return _query(body)
    except (struct.error, IndexError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise bad_request("InvalidArgument", f"The body is no query: {error}") from error


def _query(body: bytes) -> Query:
    relation = Relation.GetRootAs(body)
    if relation.ImplType() != RelationImpl.Source:
        raise ValueError("only a source relation can be queried")
    source = _cast(relation.Impl(), Source)
    columns: list[Column] = []
    schema = source.Schema()
    for index in range(schema.FieldsLength()):
        field = schema.Fields(index)
        _enumerate(field, field.Name().decode(), (), columns)
    positions = (source.Projection(i).Position() for i in range(source.ProjectionLength()))
    projected = tuple(dict.fromkeys(columns[position].name for position in positions))
    condition = source.Filter()
    return Query(projected, None if condition is None else _condition(condition, columns))


def _enumerate(field: Field, name: str, path: tuple[int, ...], columns: list[Column]) -> None:
    """Positions count every node depth first."""
    columns.append(Column(name, path))
    for index in range(field.ChildrenLength()):
        _enumerate(field.Children(index), name, (*path, index), columns)


def _condition(expression: Expression, columns: list[Column]) -> Term | Junction:
    call = _as(expression, ExpressionImpl.Call, Call)
    function = call.Name().decode()
    arguments = [call.Arguments(i) for i in range(call.ArgumentsLength())]
    if function in {"and", "or"}:
        return Junction(function, tuple(_condition(argument, columns) for argument in arguments))
    position = _cast(_as(arguments[0], ExpressionImpl.FieldRef, FieldRef).Ref(), FieldIndex).Position()
    values = (read_literal(_as(argument, ExpressionImpl.Literal, Literal)) for argument in arguments[1:])
    return Term(function, columns[position], tuple(values))


def _as(expression: Expression, kind: int, cls: type[T]) -> T:
    if expression.ImplType() != kind:
        raise ValueError(f"an expression of kind {expression.ImplType()} where {kind} is due")
    return _cast(expression.Impl(), cls)


def _cast(table: Any, cls: type[T]) -> T:
    """The value of a FlatBuffers union, as its class."""
    value = cls()
    cast("Any", value).Init(table.Bytes, table.Pos)
    return value


def _tested(condition: Term | Junction) -> set[str]:
    if isinstance(condition, Term):
        return {condition.column.name}
    return {name for member in condition.members for name in _tested(member)}
