"""The collections of flows, and the collections of sources that follow from them (ADR 0012).

The table `source_links` has a count for two sources and a role: the number of collection members that make
the first source collect the second. So a changed member changes one count, whatever the number of flows, and
the lists that clients see are read from an index.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from services.metadata.adapters.sqlite.flows.classes import class_condition
from services.metadata.application.ports import Link
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.ids import FlowId, SourceId

# The derived lists as columns of a flow or source `r`: JSON, NULL when empty.
FLOW_COLLECTED_BY: Final = """(
    SELECT CAST(json_group_array(flow_id) AS BLOB)
    FROM (SELECT DISTINCT flow_id FROM collections WHERE member = r.id ORDER BY flow_id) HAVING count(*))"""
SOURCE_COLLECTION: Final = """(
    SELECT CAST(json_group_array(json_object('id', member, 'role', role)) AS BLOB)
    FROM (SELECT member, role FROM source_links WHERE owner = r.id ORDER BY member, role) HAVING count(*))"""
SOURCE_COLLECTED_BY: Final = """(
    SELECT CAST(json_group_array(owner) AS BLOB)
    FROM (SELECT DISTINCT owner FROM source_links WHERE member = r.id ORDER BY owner) HAVING count(*))"""

_COUNT: Final = """
    INSERT INTO source_links (owner, member, role, items) VALUES (?, ?, ?, ?)
    ON CONFLICT (owner, member, role) DO UPDATE SET items = items + excluded.items
"""
_COUNT_ALL_OF: Final = """
    INSERT INTO source_links (owner, member, role, items)
    SELECT owner.source_id, member.source_id, c.role, count(*) * :sign
    FROM collections c JOIN flows owner ON owner.id = c.flow_id JOIN flows member ON member.id = c.member
    WHERE c.{side} = :flow GROUP BY 1, 2, 3
    ON CONFLICT (owner, member, role) DO UPDATE SET items = items + excluded.items
"""
_DROP_ZEROS: Final = "DELETE FROM source_links WHERE items <= 0"
_COLLECTED_AT_LEAST: Final = """
    SELECT value FROM json_each(?)
    WHERE (SELECT count(*) FROM (SELECT DISTINCT flow_id FROM collections WHERE member = value)) >= ?
"""
_LINKS: Final = """
    SELECT DISTINCT o.source_id, m.source_id, c.role FROM json_each(?) pair
    CROSS JOIN flows o ON o.source_id = pair.value ->> 0
    CROSS JOIN collections c ON c.flow_id = o.id
    CROSS JOIN flows m ON m.id = c.member AND m.source_id = pair.value ->> 1
    WHERE 1
"""
_INSERT: Final = "INSERT INTO collections (flow_id, position, member, role) VALUES (?, ?, ?, ?)"
# The id and role of a member.
_Item = tuple[FlowId, str]


def put_collection(
    connection: sqlite3.Connection, flow_id: FlowId, source_id: SourceId, items: Iterable[CollectionItem]
) -> None:
    """Replace the collection of a flow. Only rows that change are written."""
    rows = connection.execute(
        "SELECT position, member, role FROM collections WHERE flow_id = ? ORDER BY position", (flow_id,)
    ).fetchall()
    before = [(member, role) for _, member, role in rows]
    after = [(item.id, item.role) for item in items]
    if before == after:
        return
    removed, new_items = _difference(before, after)
    connection.executemany(
        "DELETE FROM collections WHERE flow_id = ? AND position = ?",
        [(flow_id, rows[index][0]) for index in removed],
    )
    position = rows[-1][0] + 1 if rows else 0
    connection.executemany(_INSERT, [(flow_id, position + i, *item) for i, item in enumerate(new_items)])
    count = Counter(after)
    count.subtract(before)
    _count_links(connection, source_id, {item: change for item, change in count.items() if change})


def _difference(before: Sequence[_Item], after: Sequence[_Item]) -> tuple[list[int], Sequence[_Item]]:
    """The indexes of the old items to remove, and the new items to append.

    If items were only removed, the others keep their rows. Otherwise all rows after the first difference are
    replaced.
    """
    removed: list[int] = []
    matching = first_difference = 0
    for index, item in enumerate(before):
        if matching < len(after) and item == after[matching]:
            matching += 1
            first_difference += not removed
        else:
            removed.append(index)
    if matching == len(after):
        return removed, ()
    return list(range(first_difference, len(before))), after[first_difference:]


def _count_links(connection: sqlite3.Connection, owner: SourceId, changes: dict[_Item, int]) -> None:
    sources = sources_of(connection, {member for member, _ in changes})
    by_source: Counter[tuple[SourceId, str]] = Counter()
    for (member, role), change in changes.items():
        if member in sources:
            by_source[sources[member], role] += change
    connection.executemany(
        _COUNT, [(owner, member, role, change) for (member, role), change in by_source.items() if change]
    )
    connection.execute(_DROP_ZEROS)


def count_links(connection: sqlite3.Connection, flow_id: FlowId, sign: int) -> None:
    """Add (sign 1) or subtract (sign -1) the links that a flow causes, as collector and as member."""
    for side in ("flow_id", "member"):
        connection.execute(_COUNT_ALL_OF.format(side=side), {"flow": flow_id, "sign": sign})
    connection.execute(_DROP_ZEROS)


def sources_of(connection: sqlite3.Connection, flow_ids: Iterable[FlowId]) -> dict[FlowId, SourceId]:
    """The source ids of the flows that exist, by flow id."""
    rows = connection.execute(
        "SELECT id, source_id FROM flows WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(flow_ids)),),
    )
    return dict(rows.fetchall())


def links(
    connection: sqlite3.Connection, pairs: Iterable[tuple[SourceId, SourceId]], classes: Classes
) -> frozenset[Link]:
    """The links between these pairs of a collecting and a collected source, by flows with a class."""
    named = sorted(classes)
    rows = connection.execute(
        f"{_LINKS} AND {class_condition(classes, 'o')} AND {class_condition(classes, 'm')}",
        (json.dumps(list(pairs)), "flow-class", *named, "flow-class", *named),
    )
    return frozenset(map(Link._make, rows))


def collected_at_least(
    connection: sqlite3.Connection, flow_ids: Iterable[FlowId], times: int
) -> frozenset[FlowId]:
    """The flows, among these, that `times` flows or more collect."""
    rows = connection.execute(_COLLECTED_AT_LEAST, (json.dumps(list(flow_ids)), times))
    return frozenset(flow_id for (flow_id,) in rows)
