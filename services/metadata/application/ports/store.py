"""All tables together, and what runs rules on them."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from services.metadata.application.ports.media_tables import FlowTable, ObjectTable, SegmentTable, SourceTable
from services.metadata.application.ports.work_tables import (
    DeletionTable,
    EventTable,
    LoadTable,
    ServiceInfoTable,
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
    def service_info(self) -> ServiceInfoTable:
        """The name and description of this store."""
        ...

    @property
    def loads(self) -> LoadTable:
        """The bulk loads."""
        ...


class Stepwise(Generic[T_co]):
    """A change that makes many small ones, its steps, one after the other.

    An engine whose reads are requests may try the steps to find out what to read ahead, all at once.
    """

    def __init__(
        self, whole: Callable[[Tables], T_co], steps: Callable[[], Sequence[Callable[[Tables], object]]]
    ) -> None:
        self.whole = whole
        self.steps = steps

    def __call__(self, tables: Tables) -> T_co:
        """The result of the whole change."""
        return self.whole(tables)


class Store(Protocol):
    """Runs rules on the tables."""

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query: index seeks and one page."""
        ...

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a query that may look at many rows; other calls go on meanwhile."""
        ...

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, once committed; whatever it raises rolls all of it back.

        The change may run more than once, so it must do nothing but read and write the tables.
        Exhausted when too many changes wait; Unavailable when the engine fails.
        """
        ...
