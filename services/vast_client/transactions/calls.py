"""Requests to endpoints. Their results count for the health of the endpoint."""

from collections.abc import Callable, Collection
from time import monotonic
from types import TracebackType
from typing import Protocol, TypeVar

import pyarrow as pa
from vastdb.table_metadata import TableMetadata

from services.vast_client import limits
from services.vast_client.connections.address import VastAddress
from services.vast_client.connections.connections import request_timeout, time_left
from services.vast_client.endpoints.breaker import Signal
from services.vast_client.endpoints.endpoints import Endpoints
from services.vast_client.failures import (
    DeadlinePassed,
    Failure,
    Refused,
    TimedOut,
    Unknown,
    Unreachable,
    translated_sdk_errors,
)
from services.vast_client.plans import Kind
from services.vast_client.requests import Requests
from services.vast_client.sdk import Session
from services.vast_client.transactions.endings import Endings

T = TypeVar("T")


class Columns(Protocol):
    """The parts of the catalog that transactions use."""

    def metadata(self, table: str) -> TableMetadata:
        """The metadata object of the SDK for the table. Unknown if the table does not exist."""
        ...

    def query_schema(self, table: str, columns: Collection[str], *, row_ids: bool) -> pa.Schema:
        """All columns of the table, with `row_ids` also `$row_id` as the first one.

        Unknown if the table does not have some of `columns`.
        """
        ...

    def row_id_type(self, table: str) -> pa.DataType:
        """The Arrow type of the row ids of a table."""
        ...

    def rows(self, table: str) -> int:
        """The cached number of rows of a table, 0 if unknown. It sends no request."""
        ...

    def note_failure(self, failure: Failure) -> None:
        """Clear the cache of columns if the server does not know a table or column."""
        ...


class ClusterContext(Protocol):
    """The parts of a cluster that transactions use."""

    address: VastAddress
    endpoints: Endpoints
    endings: Endings
    requests: Requests

    @property
    def catalog(self) -> Columns:
        """The catalog of tables."""
        ...

    def session(self, endpoint: str) -> Session:
        """The session of an endpoint."""
        ...

    def end(self, txid: int) -> bool:
        """Roll back a transaction; True if an endpoint answered that it has ended."""
        ...


class Call:
    """A block with one request to an endpoint: sets its timeout, translates its errors, counts its result.

    `is_query` is False for requests whose success does not prove health: an endpoint that begins and ends
    transactions but drops queries is not healthy. `timed` is True if the duration can be compared with that
    of other requests of the kind. `has_other` is True if another endpoint is tried after a timeout; then the
    caller decides whether the timeout counts as a failure.
    """

    def __init__(
        self,
        cluster: ClusterContext,
        endpoint: str,
        seconds: float,
        kind: Kind | None = None,
        *,
        is_query: bool = True,
        timed: bool = False,
        has_other: bool = False,
    ) -> None:
        self._cluster = cluster
        self._endpoint = endpoint
        self._seconds = seconds
        self._kind = kind
        self._is_query, self._timed, self._has_other = is_query, timed, has_other
        self._translation, self._timeout = translated_sdk_errors(), request_timeout(seconds)

    def __enter__(self) -> None:
        left = time_left()
        if left <= 0:
            raise DeadlinePassed("the database did not answer in time")
        # If the deadline comes before the timeout, a timeout does not show that the endpoint is slow.
        self._has_other = self._has_other or left < self._seconds
        self._started = monotonic()
        self._timeout.__enter__()
        self._translation.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._timeout.__exit__(None, None, None)
        seconds = monotonic() - self._started
        try:
            is_suppressed = self._translation.__exit__(kind, error, trace)
        except Failure as failure:
            self._attribute(failure)
            raise
        if isinstance(error, Failure):
            # It was translated before, for example if a session could not be opened.
            self._attribute(error)
        if error is None:
            self._cluster.requests.answered(self._kind, seconds)
            self._count_answer()
            if self._timed:
                self._cluster.endpoints.record_time(self._endpoint, self._kind, seconds)
        return is_suppressed

    def _attribute(self, failure: Failure) -> None:
        """Count a failure for the endpoint of this call, unless an inner call has counted it."""
        if not failure.endpoint:
            failure.endpoint = self._endpoint
            self._count(failure)

    def _count(self, failure: Failure) -> None:
        if isinstance(failure, Unknown):
            self._count_answer()
            if self._is_query:
                self._cluster.catalog.note_failure(failure)
        elif isinstance(failure, TimedOut):
            self._cluster.requests.failed(self._endpoint)
            if not self._has_other:
                self._cluster.endpoints.record_failure(self._endpoint, Signal.LATE)
        elif isinstance(failure, Unreachable):
            self._cluster.requests.failed(self._endpoint)
            self._cluster.endpoints.record_failure(self._endpoint)
        else:
            self._count_answer()

    def _count_answer(self) -> None:
        if self._is_query:
            self._cluster.endpoints.record_answer(self._endpoint)


class AnyEndpoint:
    """Sends a request to one endpoint after the other until one answers.

    If an endpoint does not answer soon, the next is tried. If that one is faster, the timeout of the first
    counts as a failure. `round_` is the number of earlier rounds without an answer, which lengthen the
    timeout.
    """

    def __init__(
        self,
        cluster: ClusterContext,
        kind: Kind | None,
        avoid: frozenset[str] = frozenset(),
        *,
        round_: int = 0,
        is_query: bool = True,
        timed: bool = True,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._avoid = avoid
        self._round = round_
        self._is_query, self._timed = is_query, timed
        self._late: dict[str, float] = {}
        self._refusals: list[Refused] = []
        self._tried: frozenset[str] = frozenset()

    def call(self, first: str, request: Callable[[str], T]) -> tuple[str, T]:
        """The endpoint that answered and its answer, beginning with the endpoint `first`.

        Raises the last failure if all endpoints failed, and Refused if enough endpoints refused.
        """
        endpoint = first
        while True:
            self._tried |= {endpoint}
            try:
                return endpoint, self._once(endpoint, request)
            except (Unknown, DeadlinePassed):
                raise
            except Unreachable as failure:
                last: Failure = failure
            except Refused as failure:
                last = failure
                self._refusals.append(failure)
            self._check(last)
            endpoint = self._cluster.endpoints.choose(self._kind, self._avoid | self._tried)

    def _once(self, endpoint: str, request: Callable[[str], T]) -> T:
        has_other = self._cluster.endpoints.has_other(self._tried)
        usual = self._cluster.endpoints.usual_seconds(self._kind)
        kind = self._kind or Kind.POINT  # beginning a transaction is little work
        seconds = limits.patience(kind, usual, self._round) if has_other else limits.longest(kind)
        started = monotonic()
        try:
            with Call(
                self._cluster,
                endpoint,
                seconds,
                self._kind,
                is_query=self._is_query,
                timed=self._timed,
                has_other=has_other,
            ):
                answer = request(endpoint)
        except TimedOut:
            self._late[endpoint] = seconds
            raise
        self._count_failures(monotonic() - started)
        return answer

    def _check(self, last: Failure) -> None:
        """Raises a failure if enough endpoints refused, or if all endpoints were tried."""
        count = len(self._refusals)
        endpoints = len(self._cluster.address.endpoints)
        if count and count >= min(self._refusals[-1].witnesses, endpoints):
            self._refusals[-1].witnesses = 0
            raise self._refusals[-1]
        if len(self._tried) >= endpoints:
            raise self._refusals[-1] if count else last

    def _count_failures(self, seconds: float) -> None:
        """Count failures of earlier endpoints after one has answered in this time."""
        for endpoint, waited in self._late.items():
            if seconds < waited:
                self._cluster.endpoints.record_failure(endpoint, Signal.LATE)
        for refusal in self._refusals:
            self._cluster.endpoints.record_failure(refusal.endpoint)
