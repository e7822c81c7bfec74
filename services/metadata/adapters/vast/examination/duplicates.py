"""Several rows with one id, of which a repair keeps one."""

import json
from collections.abc import Sequence

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.documents.jsons import Members, is_json


def duplicates(table: str, row_id: str, rows: Sequence[Row]) -> list[Inconsistency]:
    """DOUBLED_ROW if there are several rows; else nothing."""
    finding = Inconsistency("DOUBLED_ROW", table, row_id, f"{len(rows)} rows have this id", mendable=True)
    return [finding] if len(rows) > 1 else []


def members_of(document: bytes | None) -> Members | None:
    """The members of a document; None if it is not a JSON object."""
    if not document or not is_json(document):
        return None
    members = json.loads(document)
    return members if isinstance(members, dict) else None


def newest(rows: Sequence[Row], member: str) -> Row:
    """The row whose document changed last, by a member with a time; the first one of equal rows."""
    return max(rows, key=lambda row: str((members_of(row["doc"]) or {}).get(member, "")))


def keep_one(tables: VastTables, table: str, kept: Row, rows: Sequence[Row]) -> None:
    """Delete all rows except the kept one."""
    tables.view.delete(table, [row for row in rows if row is not kept])
