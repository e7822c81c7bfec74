"""Checks of whole tables: the rows for locks, and columns without values."""

from services.metadata.adapters.vast.opening.evolution import missing_values
from services.metadata.adapters.vast.writing.locks import STRIPES, missing_stripes
from services.metadata.application.ports.examination import Inconsistency
from services.vast_client.cluster import Cluster


def locks(cluster: Cluster) -> list[Inconsistency]:
    """A finding if rows of the table of locks are missing."""
    missing = cluster.run(missing_stripes)
    summary = f"{missing} of {STRIPES} rows are missing, so two processes may add a row with the same id"
    return [Inconsistency("LOCKS", "locks", "", summary, mendable=True)] if missing else []


def columns(cluster: Cluster) -> list[Inconsistency]:
    """A finding for each column without values in some rows, which an older version wrote."""
    return [
        Inconsistency(
            "MISSING_VALUES", table, name, f"some rows have no value in column {name}", mendable=True
        )
        for table, name in missing_values(cluster)
    ]
