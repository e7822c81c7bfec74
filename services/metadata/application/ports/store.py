"""All tables together, and the store, which runs rules on them."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from services.metadata.application.ports.access_table import AccessTable
from services.metadata.application.ports.account_tables import ApiKeyTable, UserTable
from services.metadata.application.ports.audit_table import AuditTable
from services.metadata.application.ports.copy_table import CopyTable
from services.metadata.application.ports.flow_tables import FlowTable, SourceTable
from services.metadata.application.ports.segment_tables import ObjectTable, SegmentTable
from services.metadata.application.ports.work_tables import (
    DeletionTable,
    EventTable,
    LoadTable,
    ServiceInfoTable,
    StorageBackendTable,
    TrashTable,
    WebhookTable,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Tables(Protocol):
    """All tables, within one transaction."""

    @property
    def sources(self) -> SourceTable:
        """The sources."""
        ...

    @property
    def flows(self) -> FlowTable:
        """The flows."""
        ...

    @property
    def segments(self) -> SegmentTable:
        """The segments."""
        ...

    @property
    def objects(self) -> ObjectTable:
        """The objects."""
        ...

    @property
    def accesses(self) -> AccessTable:
        """The accesses to objects."""
        ...

    @property
    def copies(self) -> CopyTable:
        """The copies of objects."""
        ...

    @property
    def events(self) -> EventTable:
        """The outbox."""
        ...

    @property
    def webhooks(self) -> WebhookTable:
        """The subscribers."""
        ...

    @property
    def deletions(self) -> DeletionTable:
        """The deletion requests."""
        ...

    @property
    def trash(self) -> TrashTable:
        """The flows and segments that can be restored."""
        ...

    @property
    def service_info(self) -> ServiceInfoTable:
        """The name and description of this store."""
        ...

    @property
    def storage_backends(self) -> StorageBackendTable:
        """The storage backends."""
        ...

    @property
    def loads(self) -> LoadTable:
        """The bulk loads."""
        ...

    @property
    def audit(self) -> AuditTable:
        """The audit log."""
        ...

    @property
    def users(self) -> UserTable:
        """The users."""
        ...

    @property
    def api_keys(self) -> ApiKeyTable:
        """The API keys."""
        ...

    def savepoint(self, change: Callable[[], T]) -> T:
        """The result of `change`, a part of the transaction. If it raises, only its writes are undone."""
        ...


class Stepwise(Generic[T_co]):
    """A change that consists of many small ones, its steps, one after the other.

    An engine that reads by network requests may run the steps for trial, to read ahead for all of them.
    """

    def __init__(
        self, whole: Callable[[Tables], T_co], steps: Callable[[], Sequence[Callable[[Tables], object]]]
    ) -> None:
        self.whole = whole
        self.steps = steps

    def __call__(self, tables: Tables) -> T_co:
        """The result of the whole change."""
        return self.whole(tables)


class Gathered(Generic[T_co]):
    """A quick change for several callers who waited together; its steps are the changes of each.

    An engine that reads by network requests may run the steps for trial, to read ahead for all of them.
    """

    def __init__(self, whole: Callable[[Tables], T_co], steps: Sequence[Callable[[Tables], object]]) -> None:
        self.whole = whole
        self.steps = steps

    def __call__(self, tables: Tables) -> T_co:
        """The result of the whole change."""
        return self.whole(tables)


class Crowded(Exception):
    """A divisible change conflicted too often or took too long, so it was not made. Try smaller parts."""


class Divisible(Stepwise[T_co]):
    """A change that its caller can also make in parts. The store may refuse it with Crowded."""


class Slow(Generic[T_co]):
    """A change that takes much longer than most. An engine may run waiting changes before it."""

    def __init__(self, change: Callable[[Tables], T_co]) -> None:
        self._change = change

    def __call__(self, tables: Tables) -> T_co:
        """The result of the change."""
        return self._change(tables)


class Store(Protocol):
    """Runs rules on the tables."""

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query: index seeks and one page. Unavailable if the engine fails."""
        ...

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a query that may read many rows. Other calls are served meanwhile."""
        ...

    async def probe(self) -> None:
        """Read a row from the database, not from a cache. Unavailable if that fails."""
        ...

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, after its commit. If it raises, all its writes are rolled back.

        The change may run more than once, so it must do nothing but read and write the tables.
        Exhausted if too many changes wait. Unavailable if the engine fails, with the reason OUTCOME_UNKNOWN
        if the change may have been committed. Crowded if a divisible change should be made in parts.
        """
        ...
