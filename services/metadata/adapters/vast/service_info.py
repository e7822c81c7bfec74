"""The table of the store's name and description: one row."""

from services.metadata.adapters.vast.view import View
from services.metadata.application.ports import ServiceInfo
from services.shared.vast.filters import EVERYTHING


class VastServiceInfo:
    """One row."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self) -> ServiceInfo:
        """As stored."""
        rows = self._view.select("service_info", EVERYTHING)
        return ServiceInfo(rows[0]["name"], rows[0]["description"]) if rows else ServiceInfo()

    def put(self, info: ServiceInfo) -> None:
        """Store both."""
        rows = self._view.select("service_info", EVERYTHING)
        if rows:
            self._view.update("service_info", rows[0], name=info.name, description=info.description)
        else:
            self._view.lock("service_info")
            self._view.insert("service_info", name=info.name, description=info.description)
