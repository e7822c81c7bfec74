"""The classes of sources, flows and entries of the trash, in rows of the table of tags.

These rows have owners of their own. The name of a row is the class, its value is empty. So the index of tags
leads from a class to ids.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Literal, TypeAlias, TypeVar

from services.metadata.domain.documents.classes import Classes
from services.shared.access.classes import TAG, classes_of_tag

ClassOwner: TypeAlias = Literal["source-class", "flow-class", "trash-class"]
# The columns of a row, the first of them its id.
Fields: TypeAlias = tuple[Any, ...]
Id = TypeVar("Id", bound=str)

# Ids that are read from the index at once.
_MOST_IDS: Final = 2048
# What has a class is few if it is not more than this. Then all of it is looked through.
_FEW: Final = 1000
_INSERT: Final = "INSERT OR IGNORE INTO tags (owner, id, name, value) VALUES (?, ?, ?, '')"
_OF_CLASS: Final = "SELECT id FROM tags WHERE owner = ? AND name = ? AND value = '' AND id > ?"
_TAGGED: Final = "SELECT id, value FROM tags WHERE owner = ? AND name = ?"


def put_classes(
    connection: sqlite3.Connection, owner: ClassOwner, owner_id: str, classes: Iterable[str]
) -> None:
    """Replace the classes of a source, flow or entry."""
    connection.execute("DELETE FROM tags WHERE owner = ? AND id = ?", (owner, owner_id))
    connection.executemany(_INSERT, ((owner, owner_id, name) for name in classes))


def put_classes_of_tags(connection: sqlite3.Connection) -> None:
    """Store the classes of all sources and flows, in a database of an older version without them."""
    for owner in ("source", "flow"):
        for owner_id, value in connection.execute(_TAGGED, (owner, TAG)).fetchall():
            rows = ((f"{owner}-class", owner_id, name) for name in classes_of_tag(value))
            connection.executemany(_INSERT, rows)


def class_condition(classes: Classes, row: str = "r") -> str:
    """The condition that a row has a class. Its parameters are the owner, then the classes, ascending."""
    return (
        f"EXISTS (SELECT 1 FROM tags k WHERE k.owner = ? AND k.id = {row}.id"
        f" AND k.name IN ({', '.join('?' * len(classes))}))"
    )


def having_classes(
    connection: sqlite3.Connection, owner: ClassOwner, ids: Iterable[Id], classes: Classes
) -> frozenset[Id]:
    """The ids, among these, that have one of the classes."""
    sql = f"SELECT r.id FROM (SELECT value AS id FROM json_each(?)) r WHERE {class_condition(classes)}"
    rows = connection.execute(sql, (json.dumps(list(ids)), owner, *sorted(classes)))
    return frozenset(owner_id for (owner_id,) in rows)


def page_rows(
    connection: sqlite3.Connection,
    owner: ClassOwner,
    classes: Classes | None,
    after: str | None,
    limit: int,
    *,
    query: Callable[[], Iterable[Fields]],
    select: Callable[[Sequence[str]], Iterable[Fields]],
    indexed: bool,
) -> Iterable[Fields]:
    """Up to `limit` rows of a listing above the id `after`, ascending by id.

    `query` reads the page from the table, `select` the rows with some ids. If rows have to have a class, the
    index leads to their ids, so that a page does not read all rows that have none of the classes. If another
    index leads to the page (`indexed`), that happens only if few rows have a class.
    """
    if classes is None:
        return query()
    if not classes:
        return ()
    if indexed and not _are_few(connection, owner, classes):
        return query()
    return islice(_rows_of_classes(connection, owner, classes, after=after, size=limit, select=select), limit)


def _are_few(connection: sqlite3.Connection, owner: ClassOwner, classes: Classes) -> bool:
    """True if so few rows have the classes that looking through all of them costs little."""
    rows = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM tags WHERE owner = ? AND value = ''"
        f" AND name IN ({', '.join('?' * len(classes))}) LIMIT ?)",
        (owner, *sorted(classes), _FEW + 1),
    )
    (count,) = rows.fetchone()
    return bool(count <= _FEW)


def _rows_of_classes(
    connection: sqlite3.Connection,
    owner: ClassOwner,
    classes: Classes,
    *,
    after: str | None,
    size: int,
    select: Callable[[Sequence[str]], Iterable[Fields]],
) -> Iterator[Fields]:
    """The rows that `select` returns for the ids above `after` that have a class, ascending by id.

    The ids are read in parts, the first of them with `size` ids.
    """
    union = " UNION ".join([_OF_CLASS] * len(classes))
    while True:
        parameters = [value for name in sorted(classes) for value in (owner, name, after or "")]
        found = connection.execute(f"{union} ORDER BY id LIMIT ?", (*parameters, size)).fetchall()
        ids = [owner_id for (owner_id,) in found]
        if ids:
            yield from select(ids)
        if len(ids) < size:
            return
        after, size = ids[-1], min(4 * size, _MOST_IDS)
