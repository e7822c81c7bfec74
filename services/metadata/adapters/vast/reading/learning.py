"""Puts the rows that a transaction has read into the cache."""

from services.metadata.adapters.vast.reading.cache import LearnTimes, RowCache
from services.metadata.adapters.vast.reading.snapshot import Snapshot


def learn(cache: RowCache, snapshot: Snapshot, began: float) -> LearnTimes:
    """Keep the rows of a transaction that began at that time. Returns the recent ones."""
    recent = cache.only_recent(snapshot.recalled) | cache.fill(snapshot.known_lookups(), began)
    for table, rows in snapshot.listed():
        recent |= cache.update_listed(table, rows, began)
    return recent
