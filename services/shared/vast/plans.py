"""How to run a query: in how many parts, from which endpoints, how many rows at a time.

A split is a sequence of requests to one endpoint; its sub-splits are read side by side within one request
and cost a stream each. Row groups have 65,536 rows, and a sub-split reads eight of them in a row, so a
table with less than half a million rows is in one sub-split and any other is empty.
"""

from enum import Enum
from typing import Final, NamedTuple

_ROW_GROUP: Final = 65_536
_ROW_GROUPS: Final = 8
_ROWS_PER_SPLIT: Final = 4_000_000
_SPLITS_PER_ENDPOINT: Final = 4
_MAX_SUB_SPLITS: Final = 8
_PAGE_ROWS: Final = 128 * 1024
_SCAN_ROWS: Final = 1024 * 1024


class Kind(Enum):
    """What a query is expected to read."""

    POINT = "point"  # a few rows by key
    PAGE = "page"  # a range of a sort key
    SCAN = "scan"  # much of a table


class Plan(NamedTuple):
    """What a query's requests say."""

    splits: int
    sub_splits: int
    row_groups: int
    rows: int  # most rows of a sub-split in one reply


def plan(kind: Kind, rows_in_table: int, endpoints: int, limit: int | None) -> Plan:
    """The plan for a query on a table of about so many rows."""
    if kind is not Kind.SCAN:
        return Plan(1, 1, _ROW_GROUPS, _PAGE_ROWS if limit is None else max(1, limit))
    splits = min(_SPLITS_PER_ENDPOINT * endpoints, max(1, rows_in_table // _ROWS_PER_SPLIT))
    if rows_in_table > _ROW_GROUP * _ROW_GROUPS:
        splits = max(splits, endpoints)
    filled = rows_in_table // (splits * _ROW_GROUP * _ROW_GROUPS)
    return Plan(splits, min(_MAX_SUB_SPLITS, max(1, filled)), _ROW_GROUPS, _SCAN_ROWS)
