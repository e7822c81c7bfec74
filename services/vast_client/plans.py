"""Plans of queries: the number of splits, of sub-splits, and of rows in a reply.

A split is a sequence of requests to one endpoint. Its sub-splits are read in parallel within one request,
with a stream for each. A row group has 65,536 rows and a sub-split reads eight of them in sequence. So a
table with less than half a million rows is in one sub-split, and any other sub-split would be empty.
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
_STREAM_ROWS: Final = 64 * 1024


class Kind(Enum):
    """The amount that a query is expected to read."""

    POINT = "point"  # a few rows by key
    PAGE = "page"  # a range of a sort key
    SCAN = "scan"  # much of a table


class Plan(NamedTuple):
    """The division of a query into requests."""

    splits: int
    sub_splits: int
    row_groups: int  # of a sub-split
    rows: int  # the most rows of a sub-split in one reply


def plan_for(kind: Kind, rows_in_table: int, endpoints: int, limit: int | None) -> Plan:
    """The plan of a query on a table with about `rows_in_table` rows in a cluster with `endpoints` endpoints.

    `limit` is the number of rows that the query needs, None for all.
    """
    if kind is not Kind.SCAN:
        return Plan(1, 1, _ROW_GROUPS, _PAGE_ROWS if limit is None else max(1, limit))
    splits = min(_SPLITS_PER_ENDPOINT * endpoints, max(1, rows_in_table // _ROWS_PER_SPLIT))
    if rows_in_table > _ROW_GROUP * _ROW_GROUPS:
        splits = max(splits, endpoints)
    filled = rows_in_table // (splits * _ROW_GROUP * _ROW_GROUPS)
    return Plan(splits, min(_MAX_SUB_SPLITS, max(1, filled)), _ROW_GROUPS, _SCAN_ROWS)


def streamed(scan: Plan, most_rows: int | None = None) -> Plan:
    """The plan of a scan whose rows are streamed: the same splits, and replies of at most `most_rows`."""
    return scan._replace(sub_splits=1, rows=min(_STREAM_ROWS, most_rows or _STREAM_ROWS))
