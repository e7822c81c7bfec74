"""Checks of the storage backends, and of the name and description of the store: one row each."""

from services.metadata.adapters.vast.examination.duplicates import duplicates
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.vast_client.filters.filters import EVERYTHING


def check_backend(tables: VastTables, backend_id: str) -> list[Inconsistency]:
    """A finding if a storage backend has several rows."""
    return duplicates(
        "storage_backends", backend_id, tables.view.lookup("storage_backends", "id", backend_id)
    )


def mend_backend(tables: VastTables, backend_id: str, kinds: set[str]) -> None:
    """Keep the last row, which is the one that queries use."""
    if "DOUBLED_ROW" in kinds:
        rows = tables.view.lookup("storage_backends", "id", backend_id)
        tables.view.delete("storage_backends", rows[:-1])


def check_info(tables: VastTables, name: str) -> list[Inconsistency]:
    """A finding if the name and description of the store are in several rows."""
    return duplicates("service_info", name, tables.view.select("service_info", EVERYTHING))


def mend_info(tables: VastTables, _: str, kinds: set[str]) -> None:
    """Keep the first row, which is the one that queries use."""
    if "DOUBLED_ROW" in kinds:
        tables.view.delete("service_info", tables.view.select("service_info", EVERYTHING)[1:])
