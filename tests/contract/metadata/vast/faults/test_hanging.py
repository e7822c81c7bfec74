"""The transaction of a writer that hangs is ended by other processes, which need the rows that it locks."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from simulators.vast.server import Server
from tests.contract.metadata.vast.faults.test_killed import a_store, url_of
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, vast_rows

pytestmark = pytest.mark.slow

# Changes the row of a flow, as the registration of a segment does, and hangs before the commit.
HANGING = """
import os, signal, sys
from services.metadata.settings import Settings
from services.vast_client.cluster import cluster_of
from services.vast_client.failures import CommitUnknown
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
url, access, secret, folder = sys.argv[1:]
cluster = cluster_of(Settings(store_url=url, vast_access_key=access, vast_secret_key=secret), folder)
with cluster.begin() as transaction:
    rows = transaction.select("flows", ["segments"], EVERYTHING, kind=Kind.SCAN, row_ids=True)
    transaction.update("flows", rows.select(["$row_id", "segments"]))
    print("locked", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        transaction.commit()
    except CommitUnknown as unknown:
        print("not committed" if unknown.ended else "unknown", flush=True)
cluster.close()
"""


async def test_rows_of_a_process_that_hangs_can_be_written(server: Server, tmp_path: Path) -> None:
    async with a_store(server, tmp_path) as store:
        metadata = Metadata(store)
        await metadata.put(a_flow(1))
        arguments = [url_of(server), KEYS.access_key, KEYS.secret_key, str(tmp_path)]
        hanging = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HANGING, *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert hanging.stdout is not None
        assert await hanging.stdout.readline() == b"locked\n"
        assert await metadata.register(1, a_segment(0, 1)) == []
        # Its commit is refused, so it knows that its change was not made.
        hanging.send_signal(signal.SIGCONT)
        output, _ = await hanging.communicate()
        assert output == b"not committed\n"
        assert len(vast_rows(store.cluster, "segments")) == 1
