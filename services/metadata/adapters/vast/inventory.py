"""Lists the places of all objects, for a comparison with object storage."""

from collections.abc import Iterator
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

_COLUMNS: Final = ("id", "storage_id", "storage_path", "state", "size")
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
            for batch in batches:
                yield from _listed(batch.to_pylist())
            with closing(transaction.stream("object_copies", _COPY_COLUMNS, EVERYTHING)) as copies:
                for batch in copies:
                    yield from _listed_copies(batch.to_pylist())
    except Failure as failure:
        raise StartupError(f"cannot read the tables on VAST: {failure}") from None


def _listed(rows: list[dict[str, object]]) -> Iterator[ListedObject]:
    for row in rows:
        if row["storage_path"] is not None and row["storage_id"] is not None:
            # A state that is missing counts as registered, as elsewhere.
            is_registered = row["state"] in {State.REGISTERED, None}
            size = row["size"] if isinstance(row["size"], int) else None
            place = (str(row["id"]), str(row["storage_id"]), str(row["storage_path"]))
            yield ListedObject(*place, is_registered, size)


def _listed_copies(rows: list[dict[str, object]]) -> Iterator[ListedObject]:
    for row in rows:
        if row["storage_path"] is not None and row["storage_id"] is not None:
            place = (str(row["object_id"]), str(row["storage_id"]), str(row["storage_path"]))
            yield ListedObject(*place, row["state"] == CopyState.STORED, None)
