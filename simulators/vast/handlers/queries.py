"""Queries: one request reads the next rows of each sub-split of one split."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.refusals import bad_request, not_found, not_implemented
from simulators.vast.queries.framing import NO_MORE_ROWS, framed
from simulators.vast.queries.relation import Query, read_query
from simulators.vast.queries.scan import Share, chosen_projection, row_group_count, scan, scan_sorted
from simulators.vast.tables.table import Projection, Table

DEFAULT_LIMIT = 128 << 10
ESTIMATE_SPLIT = 0xFFFFFFFC
_START = "tabular-start-row-id-"


@dataclass(frozen=True)
class Part:
    """The part of a table that a request selects."""

    split: int
    splits: int
    row_groups: int
    sub_splits: int
    starts: dict[int, int]
    limit: int


def query(database: Database, request: Request) -> Reply:
    """Returns rows as a stream of framed Arrow messages."""
    if "sub-table" in request.params:
        raise not_implemented("imports, nor the table that lists them")
    part, wanted = _part(request), read_query(request.body)
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(database.table_name(request))
    named = request.params.get("name")
    automatic = request.headers.get("tabular-enable-sorted-projections") == "True"
    projection = chosen_projection(table, wanted, named, automatic=automatic)
    if named is not None and projection is None:
        raise not_found("TabularNoSuchProjection", f"There is no projection {named}")
    return Reply(body=framed(_chunks(table, wanted, part, projection)), chunked=True)


def _chunks(
    table: Table, wanted: Query, part: Part, projection: Projection | None
) -> Iterator[tuple[int, int, pa.RecordBatch]]:
    if part.split == ESTIMATE_SPLIT:
        # How many rows this batch has is the estimate, in row groups.
        yield 0, NO_MORE_ROWS, pa.record_batch([pa.nulls(row_group_count(table))], names=["estimate"])
        return
    for sub_split, start in part.starts.items():
        if start == NO_MORE_ROWS:
            continue
        number = part.split * part.sub_splits + sub_split
        if projection is None:
            share = Share(number, part.splits * part.sub_splits, part.row_groups)
            yield sub_split, *scan(table, wanted, share, start, part.limit)
        else:
            # A sorted order is one stream: the first sub-split has it all.
            limit = part.limit if number == 0 else 0
            yield sub_split, *scan_sorted(table, wanted, projection, start, limit)


def _part(request: Request) -> Part:
    headers = request.headers
    if int(headers.get("tabular-schedule-id", "0")) < 0:
        raise bad_request("InvalidArgument", "The priority must be zero or more")
    try:
        split, splits, row_groups = (int(n) for n in headers.get("tabular-split", "0,1,8").split(","))
        pairs = (value.split(",") for name, value in headers.items() if name.startswith(_START))
        starts = {int(sub_split): int(row) for sub_split, row in pairs}
        limit = int(headers.get("tabular-limit-rows", DEFAULT_LIMIT))
        sub_splits = int(headers.get("tabular-num-of-subsplits", "1"))
    except ValueError as error:
        raise bad_request("InvalidArgument", f"Malformed query headers: {error}") from error
    if min(splits, row_groups, sub_splits, limit) < 1 or (split >= splits and split != ESTIMATE_SPLIT):
        raise bad_request("InvalidArgument", "Splits, sub-splits, row groups and the limit start at one")
    return Part(split, splits, row_groups, sub_splits, starts, limit)
