"""A VAST cluster: sessions to its endpoints, and transactions on healthy endpoints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

from services.shared.process.settings import StoreSettings
from services.shared.telemetry.metrics import Metrics
from services.vast_client import limits
from services.vast_client.catalog import Catalog
from services.vast_client.connections.address import VastAddress
from services.vast_client.connections.connections import deadline, request_timeout
from services.vast_client.connections.credentials import Credentials
from services.vast_client.connections.sessions import Sessions
from services.vast_client.endpoints.breaker import Signal
from services.vast_client.endpoints.endpoints import Endpoints
from services.vast_client.endpoints.probes import Probes
from services.vast_client.failures import (
    Clash,
    DeadlinePassed,
    Failure,
    TimedOut,
    Unknown,
    Unreachable,
    translated_sdk_errors,
)
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.journals.abandoned import Abandoned, find_abandoned
from services.vast_client.journals.journal import Journal
from services.vast_client.journals.peers import Peers
from services.vast_client.plans import Kind
from services.vast_client.requests import Requests
from services.vast_client.sdk import Api
from services.vast_client.transactions.calls import AnyEndpoint
from services.vast_client.transactions.endings import Endings
from services.vast_client.transactions.keepalive import KeepAlive
from services.vast_client.transactions.reads import Reads
from services.vast_client.transactions.transaction import Transaction
from services.vast_client.transactions.tries import ATTEMPTS, Tries, with_retries

T = TypeVar("T")

_TIMEOUT: Final = (1.5, 30.0)  # maximum seconds to connect, and between two parts of a reply


class Cluster:
    """Runs work in transactions. Thread-safe, but it must not be used after a fork.

    `journal` notes open transactions; with one, those of other processes that hang and lock rows are ended.
    `left_open` are transactions of killed processes, which this one rolls back. `budget` is the time limit of
    `run` in seconds. Requests are counted in `metrics`.
    """

    def __init__(
        self,
        address: VastAddress,
        credentials: Credentials,
        timeout: tuple[float, float] = _TIMEOUT,
        *,
        journal: Journal | None = None,
        left_open: list[Abandoned] | None = None,
        budget: float = limits.BUDGET,
        metrics: Metrics | None = None,
    ) -> None:
        self.address = address
        self.catalog = Catalog(address, self.run)
        self.journal = journal
        self.budget = budget
        self._sessions = Sessions(credentials, timeout)
        self.session = self._sessions.of
        self._probes = Probes(self._probe)
        self.endpoints = self._probes.endpoints = Endpoints(address.endpoints, on_open=self._probes.wake)
        self.requests = Requests(metrics or Metrics(), self.endpoints)
        self.endings = Endings(self.end)
        self.keep_alive = KeepAlive(self._keep_alive)
        self._left_open: list[Abandoned] = []
        self._end_abandoned(left_open or [])
        self._peers = Peers(journal, self.end, self._end_abandoned) if journal is not None else None

    def begin(self, kind: Kind | None = None, avoid: frozenset[str] = frozenset()) -> Transaction:
        """A transaction on a healthy endpoint. `kind` is the kind of its reads, None for changes.

        Before a change, earlier transactions of this process that may still lock rows are rolled back. If an
        endpoint does not answer, the next is tried. Unreachable if none answers.
        """
        return self._begin(kind, avoid, 0)

    def run(
        self,
        work: Callable[[Transaction], T],
        kind: Kind | None = None,
        attempts: int = ATTEMPTS,
        *,
        budget: float | None = None,
    ) -> T:
        """The result of work that reads, or that commits itself. It is repeated after Clash and Unreachable.

        All tries end within `budget` seconds plus `limits.OVERTIME`. By default the budget suits requests
        that wait for the result; scans have minutes. Raises the last Failure.
        """
        tries = Tries(len(self.address.endpoints), attempts)
        budget = budget or (limits.SCAN_BUDGET if kind is Kind.SCAN else self.budget)
        with deadline(budget), request_timeout(limits.DEFINITION):
            return with_retries(tries, partial(self._once, work, kind))

    @contextmanager
    def reading(self, kind: Kind) -> Iterator[Transaction]:
        """A transaction for reading rows as a stream. The read is not repeated as a whole after a failure.

        Only the begin of the transaction is retried, within the budget.
        """
        tries = Tries(len(self.address.endpoints), ATTEMPTS)
        with deadline(self.budget):
            transaction = with_retries(tries, lambda tries: self._begin(kind, tries.avoid, tries.rounds))
        with transaction:
            yield transaction

    def end(self, txid: int) -> bool:
        """Roll back a transaction on any endpoint; True if an endpoint answered that it has ended.

        It is not documented what a cluster does with a rollback during a commit. One of them wins, and
        reading afterwards shows the outcome.
        """
        return self._is_answered(lambda api: api.rollback_transaction(txid))

    def close(self) -> None:
        """Roll back open transactions and close all connections."""
        self._probes.close()
        if self._peers is not None:
            self._peers.close()
        self.keep_alive.close()
        self.endings.close()
        self._sessions.close()
        if self.journal is not None:
            self.journal.close()
        for abandoned in self._left_open:
            abandoned.close()

    def _end_abandoned(self, found: list[Abandoned]) -> None:
        self._left_open = [abandoned for abandoned in (*self._left_open, *found) if not abandoned.is_done]
        for abandoned in found:
            for txid in abandoned.txids:
                self.endings.add(txid, wrote=True, forget=partial(abandoned.remove, txid))

    def _once(self, work: Callable[[Transaction], T], kind: Kind | None, tries: Tries) -> T:
        with self._begin(kind, tries.avoid, tries.rounds) as transaction:
            try:
                result = work(transaction)
            except Failure as failure:
                self._attribute(failure, transaction.endpoint)
                if isinstance(failure, Clash) and self._peers is not None:
                    self._peers.suspect()
                raise
        for endpoint in tries.refused:
            self.endpoints.record_failure(endpoint)  # it refused what another endpoint accepted
        return result

    def _begin(self, kind: Kind | None, avoid: frozenset[str], round_: int) -> Transaction:
        if kind is None:
            self.endings.settle()
        first = self.endpoints.choose(kind, avoid)
        any_endpoint = AnyEndpoint(self, kind, avoid, round_=round_, is_query=False, timed=kind is None)
        began = monotonic()
        endpoint, txid = any_endpoint.call(first, self._begin_on)
        return Transaction(self, endpoint, txid, began, round_)

    def _attribute(self, failure: Failure, endpoint: str) -> None:
        """Count a failure of the SDK's own calls for tables, which no Call has counted."""
        if not failure.endpoint and failure.__cause__ is not None:
            failure.endpoint = endpoint
            if isinstance(failure, Unreachable) and not isinstance(failure, Unknown | DeadlinePassed):
                is_late = isinstance(failure, TimedOut)
                self.endpoints.record_failure(endpoint, Signal.LATE if is_late else Signal.FAILED)

    def _begin_on(self, endpoint: str) -> int:
        response = self.session(endpoint).api.begin_transaction()
        try:
            return int(response.headers["tabular-txid"])
        except (KeyError, ValueError):
            raise Unreachable("the answer has no transaction number") from None

    def _keep_alive(self, txid: int) -> bool:
        return self._is_answered(lambda api: api.get_transaction(txid))

    def _is_answered(self, send: Callable[[Api], object]) -> bool:
        """Send a request about a transaction; True if any endpoint answers, also that it has ended."""
        any_endpoint = AnyEndpoint(self, Kind.POINT, is_query=False, timed=False)
        try:
            any_endpoint.call(
                self.endpoints.choose(Kind.POINT), lambda endpoint: send(self.session(endpoint).api)
            )
        except Unknown:
            return True
        except Failure:
            return False
        return True

    def _probe(self, endpoint: str) -> None:
        """Raises Failure unless the endpoint can begin a transaction, read in it, and end it."""
        with translated_sdk_errors():
            txid = self._begin_on(endpoint)
            try:
                table = self.catalog.any_table()
                if table is not None:
                    reads, columns = Reads(self, endpoint, txid, moves=False), table.arrow_schema.names[:1]
                    reads.select(table.ref.table, columns, EVERYTHING, kind=Kind.POINT, limit=1)
                self.session(endpoint).api.rollback_transaction(txid)
            except BaseException:
                self.endings.add(txid, wrote=False)
                raise


def cluster_of(
    settings: StoreSettings, journal_folder: str = "", *, snapshot: str = "", metrics: Metrics | None = None
) -> Cluster:
    """The cluster in the settings, or its state in a snapshot. StartupError if they are incomplete.

    If a folder for the journal is given, transactions that killed processes left open there are rolled back;
    before the first change if an endpoint answers.
    """
    credentials = Credentials.read(
        settings.vast_access_key,
        settings.vast_access_key_file,
        settings.vast_secret_key,
        settings.vast_secret_key_file,
    )
    address = VastAddress.parse(settings.store_url)
    if snapshot:
        address = address.in_snapshot(snapshot)
    if not journal_folder:
        return Cluster(address, credentials, metrics=metrics)
    folder = Path(journal_folder)
    journal = Journal(folder)
    return Cluster(address, credentials, journal=journal, left_open=find_abandoned(folder), metrics=metrics)
