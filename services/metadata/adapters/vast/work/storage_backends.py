"""The table of storage backends."""

from collections.abc import Mapping

from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.ids import StorageId
from services.vast_client.filters.filters import EVERYTHING


class VastStorageBackends:
    """The labels of storage backends, by id."""

    def __init__(self, view: View) -> None:
        self._view = view

    def all(self) -> dict[StorageId, str]:
        """The labels of the backends, by id."""
        return {row["id"]: row["label"] for row in self._view.select("storage_backends", EVERYTHING)}

    def replace(self, labels: Mapping[StorageId, str]) -> None:
        """Store these backends, and no others."""
        self._view.lock("storage_backends")
        self._view.delete("storage_backends", self._view.select("storage_backends", EVERYTHING))
        for storage_id, label in labels.items():
            self._view.insert("storage_backends", id=storage_id, label=label)
