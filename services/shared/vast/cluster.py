"""A VAST cluster: sessions to its endpoints, transactions on those that are well."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import vastdb
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from vastdb import _internal
from vastdb.config import BackoffConfig

from services.shared.settings import StoreSettings
from services.shared.vast.address import VastAddress
from services.shared.vast.catalog import Catalog
from services.shared.vast.credentials import Credentials
from services.shared.vast.endpoints import STRATEGIES, WRITES, Endpoints
from services.shared.vast.failures import Away, Clash, Failure, Refused, Unknown, told
from services.shared.vast.journal import Journal, end_abandoned
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import Transaction

T = TypeVar("T")

_TIMEOUT: Final = (2.0, 30.0)  # seconds to connect, and between two parts of a reply
ATTEMPTS: Final = 10
# They log an error for every rollback, refusal and failed try, all of which are told by exceptions.
for _name in ("vastdb", "backoff"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def _without_proxies(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(*arguments: Any) -> Any:
        connections = create(*arguments)
        connections.trust_env = False
        return connections

    return created


# Proxies of the environment are not meant for the table store, and the SDK uses the first connection
# while it is made, so there is no later moment to say so.
_internal.VastdbApi._session_create = _without_proxies(  # noqa: SLF001
    _internal.VastdbApi._session_create  # noqa: SLF001
)


class Cluster:
    """Opens transactions. Thread-safe; not to be carried over a fork.

    Every endpoint has a session of its own: the SDK keeps connections by host name, and would sign
    requests to a second port of a host with the first one's name.
    """

    def __init__(
        self,
        address: VastAddress,
        credentials: Credentials,
        timeout: tuple[float, float] = _TIMEOUT,
        journal: Journal | None = None,
    ) -> None:
        self.address = address
        self.endpoints = Endpoints(address.endpoints)
        self.catalog = Catalog(address, self.run)
        self.journal = journal
        self._credentials = credentials
        self._timeout = timeout
        self._sessions: dict[str, Any] = {}
        self._lock = threading.Lock()

    def begin(self, kind: Kind | None = None, avoid: frozenset[str] = frozenset()) -> Transaction:
        """A transaction on an endpoint that is well, by the kind of what it reads; None is for writes.

        An endpoint that does not answer costs one call: the next is asked. Away when none answers.
        """
        strategy = WRITES if kind is None else STRATEGIES[kind]
        tried = avoid
        for _ in range(len(self.address.endpoints)):
            endpoint = self.endpoints.choose(strategy, tried)
            try:
                return Transaction(self, endpoint, self.session(endpoint))
            except Away as failure:
                tried |= {endpoint}
                last = failure
        raise last

    def run(self, work: Callable[[Transaction], T], kind: Kind | None = None, attempts: int = ATTEMPTS) -> T:
        """The result of work that reads, or commits by itself; all of it again after Clash or Away."""
        tried: set[str] = set()
        unknown = 0

        def is_worth_it(error: BaseException) -> bool:
            # What is unknown was forgotten, and is looked for once more.
            nonlocal unknown
            unknown += isinstance(error, Unknown)
            return isinstance(error, Clash | Away) and unknown <= 1

        for attempt in Retrying(
            retry=retry_if_exception(is_worth_it),
            wait=wait_random_exponential(multiplier=0.01, max=1.0),
            stop=stop_after_attempt(attempts),
            reraise=True,
        ):
            with attempt, self.begin(kind, frozenset(tried)) as transaction:
                try:
                    return work(transaction)
                except Away:
                    tried.add(transaction.endpoint)
                    raise
        raise AssertionError("the last attempt returns or raises")

    def session(self, endpoint: str) -> Any:
        """The session of an endpoint; Away when it does not answer, Refused when it is not VAST."""
        with self._lock:
            found = self._sessions.get(endpoint)
        if found is None:
            found = self._connect(endpoint)
            with self._lock:
                found = self._sessions.setdefault(endpoint, found)
        return found

    def end(self, txid: int) -> bool:
        """Roll back a transaction unless it is committed, on any endpoint; whether one has answered.

        For those whose commit was not answered, and those of processes that are dead. What a cluster
        makes of a rollback beside a commit under way is not documented: one of them wins, and who asks
        for the outcome afterwards reads it.
        """
        for endpoint in self.address.endpoints:
            try:
                with told():
                    self.session(endpoint).api.rollback_transaction(txid)
                    return True
            except Unknown:
                return True  # it has ended
            except Failure:
                continue
        return False

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.api.__exit__()
        if self.journal is not None:
            self.journal.close()

    def _connect(self, endpoint: str) -> Any:
        try:
            with told():
                session = vastdb.connect(
                    endpoint=endpoint,
                    access=self._credentials.access_key,
                    secret=self._credentials.secret_key,
                    timeout=self._timeout,
                    # The SDK may try a query again where it broke off; everything else is tried again
                    # as a whole transaction, on another endpoint.
                    backoff_config=BackoffConfig(max_tries=2, max_time=2.0),
                )
        except (NotImplementedError, vastdb.errors.NotSupported) as error:
            raise Refused(str(error)) from error
        except Failure:
            self.endpoints.failed(endpoint)
            raise
        return session


def cluster_of(settings: StoreSettings, journal_folder: str = "") -> Cluster:
    """The cluster that the settings name; StartupError when they are incomplete.

    With a folder for a journal, what killed processes left open there is ended.
    """
    credentials = Credentials.read(
        settings.vast_access_key,
        settings.vast_access_key_file,
        settings.vast_secret_key,
        settings.vast_secret_key_file,
    )
    address = VastAddress.parse(settings.store_url)
    if not journal_folder:
        return Cluster(address, credentials)
    folder = Path(journal_folder)
    cluster = Cluster(address, credentials, journal=Journal(folder))
    end_abandoned(folder, cluster.end)
    return cluster
