"""Finds contradictions between the rows of a database file, and mends rows one by one.

Keys are unique and columns have no NULLs, so fewer contradictions are possible than in other engines.
"""

import sqlite3
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, NamedTuple

from services.metadata.adapters.sqlite.administration import mending
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.application.clock import moment, utc_now
from services.metadata.application.flows.collections import drop_missing
from services.metadata.application.ports.examination import Inconsistency, Look
from services.shared.access.classes import classes_of_tag, tag_of_classes
from services.shared.timerange import MIN_NS

# Kinds that are mended by counting the segments of the flow.
_COUNTED: Final = frozenset({"SEGMENT_COUNT", "FLOW_EXTENT"})
_COUNT: Final = """
    UPDATE flow_stats SET
        segments = (SELECT count(*) FROM segments s WHERE s.flow = flow_stats.flow),
        start_ns = (SELECT min(start_ns) FROM segments s WHERE s.flow = flow_stats.flow),
        end_ns = (SELECT max(end_ns) FROM segments s WHERE s.flow = flow_stats.flow),
        end_inclusive = coalesce((SELECT end_inclusive FROM segments s WHERE s.flow = flow_stats.flow
            ORDER BY start_ns DESC LIMIT 1), 0)
    WHERE flow = (SELECT row FROM flows WHERE id = :id)
"""
_FIRST_COUNT: Final = """
    INSERT OR IGNORE INTO flow_stats (flow, segments, end_inclusive)
    SELECT row, 0, 0 FROM flows WHERE id = :id
"""

_REGISTER: Final = """
    UPDATE objects SET state = 'registered' WHERE id = :id AND state <> 'reclaimed'
        AND EXISTS (SELECT 1 FROM segments WHERE object_id = objects.id)
"""


class _Part(NamedTuple):
    """A kind of contradiction in a table.

    The query `find` has the ids of up to `:most` wrong rows above the id `:after`. The statements `mend`
    rewrite the rows with the id `:id`.
    """

    table: str
    kind: str
    summary: str
    find: str
    mend: tuple[str, ...]


_NO_OWNER: Final = """
    NOT EXISTS (SELECT 1 FROM flows f WHERE owner IN ('flow', 'flow-class') AND f.id = tags.id)
    AND NOT EXISTS (SELECT 1 FROM sources s WHERE owner IN ('source', 'source-class') AND s.id = tags.id)
    AND NOT EXISTS (SELECT 1 FROM trash t WHERE owner = 'trash-class' AND t.id = tags.id)"""
_NO_FLOW: Final = "NOT EXISTS (SELECT 1 FROM flows f WHERE f.id = collections.flow_id)"
_NO_FLOWS: Final = "NOT EXISTS (SELECT 1 FROM flows WHERE source_id = sources.id)"
_UNUSED: Final = """id = :id AND state = 'registered'
    AND NOT EXISTS (SELECT 1 FROM segments WHERE object_id = objects.id)"""
_RIGHT_LINKS: Final = """
    SELECT owner.source_id, member.source_id, c.role, count(*)
    FROM collections c JOIN flows owner ON owner.id = c.flow_id JOIN flows member ON member.id = c.member
"""
_LINKS: Final = "SELECT owner, member, role, items FROM source_links"
_WRONG_LINKS: Final = f"""
    WITH right (owner, member, role, items) AS ({_RIGHT_LINKS} GROUP BY 1, 2, 3)
    SELECT DISTINCT owner FROM (
        SELECT * FROM (SELECT * FROM right EXCEPT {_LINKS})
        UNION ALL SELECT * FROM ({_LINKS} EXCEPT SELECT * FROM right)
    ) WHERE owner > :after ORDER BY owner LIMIT :most
"""
_WRONG_CLASSES: Final = """
    SELECT id FROM {owner}s r WHERE id > :after AND json_valid(CAST(doc AS TEXT))
        AND classes_of_tag(CAST(doc AS TEXT) ->> '$.tags.auth_classes') IS NOT (
            SELECT group_concat(name, ',') FROM (
                SELECT name FROM tags WHERE owner = '{owner}-class' AND id = r.id ORDER BY name))
    ORDER BY id LIMIT :most
"""
_DOCUMENT_LABEL: Final = "iif(json_valid(CAST(doc AS TEXT)), CAST(doc AS TEXT) ->> '$.label', label)"
_PARTS: Final = {
    "tags": _Part(
        "tags", "TAGS_OF_NOBODY", "there is no such flow or source",
        f"SELECT DISTINCT id FROM tags WHERE id > :after AND {_NO_OWNER} ORDER BY id LIMIT :most",
        (f"DELETE FROM tags WHERE id = :id AND {_NO_OWNER}",),
    ),
    "collections": _Part(
        "collections", "COLLECTION_OF_NOBODY", "there is no such flow",
        f"SELECT DISTINCT flow_id FROM collections WHERE flow_id > :after AND {_NO_FLOW}"
        " ORDER BY 1 LIMIT :most",
        (f"DELETE FROM collections WHERE flow_id = :id AND {_NO_FLOW}",),
    ),
    "objects": _Part(
        "objects", "UNUSED_OBJECT", "it is registered, but no segment uses it",
        """SELECT id FROM objects WHERE id > :after AND state = 'registered'
            AND NOT EXISTS (SELECT 1 FROM segments WHERE object_id = objects.id) ORDER BY id LIMIT :most""",
        (
            f"DELETE FROM objects WHERE storage IS NULL AND {_UNUSED}",
            f"UPDATE objects SET state = 'unreferenced', measure_at_ms = NULL WHERE {_UNUSED}",
        ),
    ),
    "flows": _Part(
        "flows", "COLUMNS", "its document has another label than its column",
        f"SELECT id FROM flows WHERE id > :after AND label IS NOT {_DOCUMENT_LABEL}"
        " ORDER BY id LIMIT :most",
        (f"UPDATE flows SET label = {_DOCUMENT_LABEL} WHERE id = :id",),
    ),
    "sources": _Part(
        "sources", "COLUMNS", "its document has another label than its column",
        f"SELECT id FROM sources WHERE id > :after AND label IS NOT {_DOCUMENT_LABEL}"
        " ORDER BY id LIMIT :most",
        (f"UPDATE sources SET label = {_DOCUMENT_LABEL} WHERE id = :id",),
    ),
    "flow_classes": _Part(
        "flows", "CLASSES", "its classes are not those of its tag",
        _WRONG_CLASSES.format(owner="flow"), (),
    ),
    "source_classes": _Part(
        "sources", "CLASSES", "its classes are not those of its tag",
        _WRONG_CLASSES.format(owner="source"), (),
    ),
    "idle_sources": _Part(
        "sources", "SOURCE_OF_NOBODY", "no flow renders it",
        f"SELECT id FROM sources WHERE id > :after AND {_NO_FLOWS} ORDER BY id LIMIT :most",
        (f"DELETE FROM sources WHERE id = :id AND {_NO_FLOWS}",),
    ),
    "links": _Part(
        "source_links", "SOURCE_COLLECTION", "it is not what the collections of its flows give", _WRONG_LINKS,
        (
            "DELETE FROM source_links WHERE owner = :id",
            f"INSERT INTO source_links {_RIGHT_LINKS} WHERE owner.source_id = :id GROUP BY 1, 2, 3",
        ),
    ),
}  # fmt: skip


# Changes that need more than SQL statements, by table and kind.
_CHANGES: Final[dict[tuple[str, str], Callable[[sqlite3.Connection, str], None]]] = {
    ("flows", "MISSING_OBJECT"): mending.add_objects,
    ("flows", "MISSING_SOURCE"): mending.add_source,
    ("flows", "DAMAGED_DOCUMENT"): mending.write_flow,
    ("sources", "DAMAGED_DOCUMENT"): mending.write_source,
    ("flows", "CLASSES"): partial(mending.write_classes, "flow"),
    ("sources", "CLASSES"): partial(mending.write_classes, "source"),
}


class SqliteExamination:
    """Checks and mends the tables of a store."""

    first = ()
    parts = tuple(_PARTS)

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def look(self, part: str, after: str, rows: int) -> Look:
        """Find up to `rows` wrong rows of a part, from the place `after` on."""
        examined = _PARTS[part]

        def find(connection: sqlite3.Connection) -> list[str]:
            connection.create_function("classes_of_tag", 1, _classes, deterministic=True)
            found = connection.execute(examined.find, {"after": after, "most": rows})
            return [row_id for (row_id,) in found]

        ids = await self._store.inspect(find)
        found = [
            Inconsistency(examined.kind, examined.table, row_id, examined.summary, mendable=True)
            for row_id in ids
        ]
        return Look(found, len(ids), ids[-1] if len(ids) == rows else None)

    async def mend(self, table: str, row_id: str, kinds: Collection[str]) -> frozenset[str]:
        """Mend a row; returns the kinds that are left."""
        # Documents come first, because columns follow from them.
        mended = {kind for kind in kinds if await self._apply_change(table, kind, row_id)}
        by_kind = {kind: _statements(table, kind) for kind in kinds}
        statements = [statement for of_kind in by_kind.values() for statement in of_kind]

        def change(connection: sqlite3.Connection) -> None:
            for statement in statements:
                connection.execute(statement, {"id": row_id})

        if statements:
            await self._store.alter(change)
        return frozenset(kind for kind, of_kind in by_kind.items() if not of_kind and kind not in mended)

    async def _apply_change(self, table: str, kind: str, row_id: str) -> bool:
        """Mend a row of a kind that needs more than SQL statements; False for other kinds."""
        if (change := _CHANGES.get((table, kind))) is not None:
            await self._store.alter(lambda connection: change(connection, row_id))
        elif kind == "MISSING_MEMBER":
            await self._store.write(partial(drop_missing, flow_id=row_id, now=moment(utc_now)))
        elif kind == "DAMAGED_SEGMENT":
            start: int | None = MIN_NS
            while start is not None:
                start = await self._store.alter(partial(mending.write_segments, flow_id=row_id, start=start))
        else:
            return False
        return True


def _classes(tag: str | None) -> str | None:
    return tag_of_classes(classes_of_tag(tag)) or None


def _statements(table: str, kind: str) -> tuple[str, ...]:
    if kind in _COUNTED:
        return _FIRST_COUNT, _COUNT
    if kind == "OBJECT_STATE":
        return (_REGISTER,)
    parts = (part for part in _PARTS.values() if (part.table, part.kind) == (table, kind))
    return next((part.mend for part in parts), ())
