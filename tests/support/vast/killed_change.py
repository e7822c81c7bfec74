"""A process that changes a store on VAST and is killed at one of its transactions.

Run as `python -m tests.support.vast.killed_change URL FOLDER OPERATION TRANSACTION MOMENT`. The moment is
`before` the commit of the transaction with that number, or `after` it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Final, TypeVar

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application import deletion_requests
from services.metadata.application.delete_options import DeleteOptions
from services.metadata.application.ports import Slow, Tables
from services.metadata.application.trash import announcing
from services.metadata.application.trash import segments as restoring
from services.metadata.settings import Settings
from services.shared.timerange import ETERNITY
from services.vast_client.cluster import cluster_of
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import Metadata
from tests.support.vast.clusters import KEYS

T = TypeVar("T")
# Segments in a slice, here and in the tests.
SLICE: Final = 10
SOFT: Final = DeleteOptions(soft=True)


def set_slices(put: Callable[[object, str, int], object]) -> None:
    """Make slices of all kinds small, with `setattr` or that of a test."""
    for module in (deletion_requests, restoring, announcing):
        put(module, "SLICE", SLICE)
    put(announcing, "FIRST", SLICE)


class KilledStore:
    """A store whose process ends at a change."""

    def __init__(self, store: VastStore, number: int, moment: str) -> None:
        self.read, self.scan, self.probe = store.read, store.scan, store.probe
        self._store = store
        self._left = number
        self._moment = moment

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, unless the process ends."""
        self._left -= 1
        if self._left == 0 and self._moment == "before":
            return await self._store.write(Slow(lambda tables: _end(change(tables))))
        result = await self._store.write(change)
        return _end(result) if self._left == 0 else result


def _end(_result: T) -> T:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process has ended")


async def work(operation: str, metadata: Metadata) -> None:
    """Delete, restore or purge the segments of the first flow, or restore the flow."""
    entries = (await metadata.trash.page(None, None, 0, "")).items
    if operation == "delete":
        await metadata.segments.delete(flow_id(1), ETERNITY, None, SOFT)
    elif operation == "delete flow":
        await metadata.flows.delete(flow_id(1), SOFT)
    elif operation == "purge":
        await metadata.trash.purge(entries[0].id)
    else:
        await metadata.trash.restore(entries[0].id)


async def main(url: str, folder: str, operation: str, number: str, moment: str) -> None:
    """Open the store and work."""
    set_slices(setattr)
    settings = Settings(store_url=url, vast_access_key=KEYS.access_key, vast_secret_key=KEYS.secret_key)
    cluster = cluster_of(settings, folder)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1, max_waiting=100) as store:
        await work(operation, Metadata(KilledStore(store, int(number), moment)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
