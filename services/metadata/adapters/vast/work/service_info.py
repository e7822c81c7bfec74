"""The table with the name and description of the store."""

from services.metadata.adapters.vast.reading.view import View
from services.metadata.application.ports import ServiceInfo
from services.vast_client.filters.filters import EVERYTHING


class VastServiceInfo:
    """The name and description, in a single row."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self) -> ServiceInfo:
        """The stored name and description; None for those that are not set."""
        rows = self._view.select("service_info", EVERYTHING)
        return ServiceInfo(rows[0]["name"], rows[0]["description"]) if rows else ServiceInfo()

    def put(self, info: ServiceInfo) -> None:
        """Store the name and description."""
        rows = self._view.select("service_info", EVERYTHING)
        if rows:
            self._view.update("service_info", rows[0], name=info.name, description=info.description)
        else:
            self._view.lock("service_info")
            self._view.insert("service_info", name=info.name, description=info.description)
