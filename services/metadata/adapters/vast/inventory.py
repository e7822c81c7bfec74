"""Lists the places of all objects, for a comparison with object storage."""

from collections.abc import Container, Iterator
from contextlib import closing
from typing import Final

from services.metadata.adapters.inventory import ListedObject
from services.metadata.domain.objects.copies import CopyState
from services.metadata.domain.objects.object import State
from services.shared.errors import StartupError
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind

_COLUMNS: Final = ("id", "storage_id", "storage_path", "state", "size", "copies")
_COPY_COLUMNS: Final = ("object_id", "storage_id", "storage_path", "state")


def list_vast_objects(cluster: Cluster) -> Iterator[ListedObject]:
    """All objects with a place in this store and all copies, as of one transaction, batch by batch.

    It closes the cluster. StartupError if the table cannot be read.
    """
    try:
        with (
            closing(cluster),
            cluster.reading(Kind.SCAN) as transaction,
            closing(transaction.stream("objects", _COLUMNS, EVERYTHING)) as batches,
        ):
            # Copies of an object that is deleted stay stored until their bytes are gone. They are few.
            unused: set[object] = set()
            for batch in batches:
                rows = batch.to_pylist()
                unused.update(row["id"] for row in rows if row["copies"] and not _is_registered(row))
                yield from _listed(rows)
            with closing(transaction.stream("object_copies", _COPY_COLUMNS, EVERYTHING)) as copies:
                for batch in copies:
                    yield from _listed_copies(batch.to_pylist(), unused)
    except Failure as failure:
        raise StartupError(f"cannot read the tables on VAST: {failure}") from None


def _listed(rows: list[dict[str, object]]) -> Iterator[ListedObject]:
    for row in rows:
        if row["storage_path"] is not None and row["storage_id"] is not None:
            size = row["size"] if isinstance(row["size"], int) else None
            place = (str(row["id"]), str(row["storage_id"]), str(row["storage_path"]))
            yield ListedObject(*place, _is_registered(row), size)


def _is_registered(row: dict[str, object]) -> bool:
    # A state that is missing counts as registered, as elsewhere.
    return row["state"] in {State.REGISTERED, None}


def _listed_copies(rows: list[dict[str, object]], unused: Container[object]) -> Iterator[ListedObject]:
    for row in rows:
        if row["storage_path"] is not None and row["storage_id"] is not None:
            place = (str(row["object_id"]), str(row["storage_id"]), str(row["storage_path"]))
            is_needed = row["state"] == CopyState.STORED and row["object_id"] not in unused
            yield ListedObject(*place, is_needed, None)
