"""Reports the usage of storage, to callers who may see all of the store."""

from collections.abc import Sequence

from services.analytics.application.ports import Inventory
from services.analytics.domain.usage import StorageUsage
from services.shared.access import caller
from services.shared.errors import PermissionDenied


class Usage:
    """The usage of storage backends."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def get(self) -> Sequence[StorageUsage]:
        """The usage of each backend that has objects, ascending by id.

        PermissionDenied OUTSIDE_CLASSES for callers with some classes, because the numbers are those of all
        flows; and the errors of Inventory.
        """
        if caller.principal.get().classes is not None:
            raise PermissionDenied(
                "the usage of storage counts all flows, so it is for callers with all classes",
                reason="OUTSIDE_CLASSES",
            )
        return await self._inventory.usage()
