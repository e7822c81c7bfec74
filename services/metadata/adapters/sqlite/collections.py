"""The derived lists: which flows and sources collect which (ADR 0012)."""

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

_FLOW_COLLECTED_BY: Final = "SELECT DISTINCT flow_id FROM collections WHERE member = ? ORDER BY flow_id"
_SOURCE_COLLECTION: Final = """
    SELECT DISTINCT member.source_id, c.role
    FROM flows owner JOIN collections c ON c.flow_id = owner.id JOIN flows member ON member.id = c.member
    WHERE owner.source_id = ? ORDER BY member.source_id, c.role
"""
_SOURCE_COLLECTED_BY: Final = """
    SELECT DISTINCT owner.source_id
    FROM flows member JOIN collections c ON c.member = member.id JOIN flows owner ON owner.id = c.flow_id
    WHERE member.source_id = ? ORDER BY owner.source_id
"""


def derive_flow(connection: sqlite3.Connection, flow_id: str) -> None:
    """Recompute the collected_by of a flow."""
    collectors = [row[0] for row in connection.execute(_FLOW_COLLECTED_BY, (flow_id,))]
    connection.execute("UPDATE flows SET collected_by = ? WHERE id = ?", (_array(collectors), flow_id))


def derive_source(connection: sqlite3.Connection, source_id: str) -> None:
    """Recompute the source_collection and collected_by of a source; one entry for each id and role."""
    members = [
        {"id": member, "role": role} for member, role in connection.execute(_SOURCE_COLLECTION, (source_id,))
    ]
    collectors = [row[0] for row in connection.execute(_SOURCE_COLLECTED_BY, (source_id,))]
    connection.execute(
        "UPDATE sources SET source_collection = ?, collected_by = ? WHERE id = ?",
        (_array(members), _array(collectors), source_id),
    )


def _array(items: Sequence[object]) -> bytes | None:
    return msgspec.json.encode(items) if items else None
