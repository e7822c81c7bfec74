"""Reports objects with the same bytes, to callers who may see all of the store."""

from services.analytics.application.ports import Catalog
from services.analytics.domain.objects import DuplicateReport
from services.shared.access import caller
from services.shared.errors import PermissionDenied


class ObjectDuplicates:
    """Groups of objects with the same bytes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def report(self, limit: int) -> DuplicateReport:
        """The groups that waste the most.

        PermissionDenied OUTSIDE_CLASSES for callers with some classes, and the errors of Catalog.
        """
        if caller.principal.get().classes is not None:
            raise PermissionDenied(
                "the report compares the objects of all flows, so it is for callers with all classes",
                reason="OUTSIDE_CLASSES",
            )
        return await self._catalog.duplicates(limit)
