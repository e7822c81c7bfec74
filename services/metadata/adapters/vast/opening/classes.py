"""Makes the classes of sources and flows from their tags, in tables that are older than classes."""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from services.metadata.adapters.vast.flows.tags import CLASS_OWNERS, Owner
from services.metadata.adapters.vast.schema import TABLES
from services.shared.access.classes import TAG, classes_of_tag
from services.vast_client.filters.filters import And, Equal
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

# A column that came with classes.
_CAME_ALONG: Final = ("webhooks", "created_by")


def are_older(added: Mapping[str, Sequence[str]]) -> bool:
    """True if the tables are older than classes; `added` has the columns that were missing, by table."""
    table, column = _CAME_ALONG
    return column in added.get(table, ())


def make_classes(transaction: Transaction) -> int:
    """Insert the classes of tags that are missing; returns the number of rows."""
    rows = [row for owner in CLASS_OWNERS for row in _missing(transaction, owner)]
    if rows:
        transaction.insert("tags", pa.RecordBatch.from_pylist(rows, TABLES["tags"].columns))
        transaction.commit()
    return len(rows)


def _missing(transaction: Transaction, owner: Owner) -> list[dict[str, str]]:
    of_tags = And((Equal("owner", owner), Equal("name", TAG)))
    tags = transaction.select("tags", ("id", "value"), of_tags, kind=Kind.SCAN).to_pylist()
    of_classes = Equal("owner", CLASS_OWNERS[owner])
    known = transaction.select("tags", ("id", "name"), of_classes, kind=Kind.SCAN).to_pylist()
    present = {(row["id"], row["name"]) for row in known}
    return [
        {"owner": CLASS_OWNERS[owner], "id": tag["id"], "name": name, "value": ""}
        for tag in tags
        for name in sorted(classes_of_tag(tag["value"]))
        if (tag["id"], name) not in present
    ]
