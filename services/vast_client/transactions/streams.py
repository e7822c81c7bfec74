"""Streams the rows of a scan from several splits at a time, a few replies ahead."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from typing import Final, TypeAlias, TypeVar

import pyarrow as pa

from services.vast_client import limits
from services.vast_client.connections.connections import deadline
from services.vast_client.plans import Kind, plan_for, streamed
from services.vast_client.transactions.ahead import run_ahead
from services.vast_client.transactions.calls import AnyEndpoint, ClusterContext
from services.vast_client.transactions.prepared import Query, TableView, prepare, split_worker
from services.vast_client.transactions.replies import Replies
from services.vast_client.transactions.tries import ATTEMPTS, Tries, with_retries

T = TypeVar("T")

Batches: TypeAlias = Generator[pa.RecordBatch, None, None]

# The most replies that are being read or in memory.
MAX_REPLIES: Final = 8


def stream_rows(
    cluster: ClusterContext,
    txid: int,
    queries: Sequence[Query],
    rows_in_table: int,
    most_rows: int | None = None,
) -> Batches:
    """The rows of all queries, in no order; at most `most_rows` in one reply."""
    endpoints = cluster.endpoints.usable()
    plan = streamed(plan_for(Kind.SCAN, rows_in_table, len(endpoints), None), most_rows)
    for query in queries:
        prepared = prepare(cluster.catalog, query)
        if prepared.request is None:
            continue
        view = TableView(cluster.address, query.table, txid)
        splits = [
            Replies(
                split_worker(None, view, prepared.request, plan, split), endpoints[split % len(endpoints)]
            )
            for split in range(plan.splits)
        ]
        steps = [partial(_next, cluster, split) for split in splits]
        with closing(run_ahead(steps, MAX_REPLIES)) as replies:
            for batch in chain.from_iterable(replies):
                yield from prepared.finish(pa.Table.from_batches([batch])).to_batches()


def call_with_retries(
    cluster: ClusterContext, kind: Kind, first: str, request: Callable[[str], T]
) -> tuple[str, T]:
    """The endpoint that answered and its answer; failed requests are repeated for `limits.REPLY_BUDGET`."""

    def call(tries: Tries) -> tuple[str, T]:
        endpoint = cluster.endpoints.choose(kind, tries.avoid) if first in tries.avoid else first
        return AnyEndpoint(cluster, kind, tries.avoid, round_=tries.rounds).call(endpoint, request)

    with deadline(limits.REPLY_BUDGET):
        return with_retries(Tries(len(cluster.address.endpoints), ATTEMPTS), call)


def _next(cluster: ClusterContext, split: Replies) -> list[pa.RecordBatch] | None:
    """The rows of the next reply of a split; None at its end."""
    if split.done:
        return None

    def read(endpoint: str) -> None:
        split.read(cluster.session(endpoint).api)

    split.endpoint, _ = call_with_retries(cluster, Kind.SCAN, split.endpoint, read)
    return split.take()
