"""The copies of objects on VAST Database, in the form of the objects that they count as."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

# The state of an object as which a copy counts that is not stored.
STATES_OF_COPIES: Final[Mapping[str, str]] = MappingProxyType(
    {"copying": "allocated", "retired": "unreferenced"}
)
_places: Final = msgspec.json.Decoder(list[tuple[str, str]])


def stored_copies(places: Sequence[str | None], objects: pa.RecordBatch) -> pa.RecordBatch:
    """A row for each stored copy of these objects, which counts as an object on its backend."""
    items = zip(places, objects.to_pylist(), strict=True)
    rows = [{**item, "storage_id": storage_id} for text, item in items for storage_id in _backends(text)]
    return pa.RecordBatch.from_pylist(rows, schema=objects.schema)


def _backends(places: str | None) -> list[str]:
    """The backends in the text of the copies of an object; none if it is damaged."""
    try:
        return [storage_id for storage_id, _ in _places.decode(places)] if places else []
    except msgspec.DecodeError:
        return []


def other_copies(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A row for each copy that is being written or is retired. Their bytes do not count.

    `schema` has the columns storage_id and size, and then one for each state.
    """
    columns = {name: pa.repeat(pa.scalar(0, pa.int64()), len(rows)) for name in schema.names[2:]}
    for copied, name in STATES_OF_COPIES.items():
        columns[name] = pc.equal(rows["state"], copied).cast(pa.int64())
    arrays = [pc.fill_null(rows["storage_id"], ""), pa.nulls(len(rows), pa.int64()), *columns.values()]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
