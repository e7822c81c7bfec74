"""A restore on VAST whose process is killed at one of its commits.

Run as `python -m tests.support.vast.killed_restore URL JOURNAL BACKUP COMMIT MOMENT`. The moment is `before`
the commit with that number, or `after` it. The first commit is that of the mark.
"""

import os
import signal
import sys
from pathlib import Path

from services.metadata.adapters.vast.backup.restoring import restore
from services.metadata.adapters.vast.opening import restoration
from services.metadata.adapters.vast.writing.committing import commit_repeatable
from services.metadata.settings import Settings
from services.vast_client.cluster import Cluster, cluster_of
from services.vast_client.transactions.transaction import Transaction
from tests.support.vast.clusters import KEYS


def main(url: str, journal: str, backup: str, number: str, moment: str) -> None:
    """Restore the backup, up to the moment."""
    left, commit = int(number), commit_repeatable

    def commit_and_die(cluster: Cluster, transaction: Transaction) -> None:
        nonlocal left
        left -= 1
        if left == 0 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(cluster, transaction)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(restoration, "commit_repeatable", commit_and_die)  # noqa: B010 - a name of another module
    settings = Settings(store_url=url, vast_access_key=KEYS.access_key, vast_secret_key=KEYS.secret_key)
    restore(cluster_of(settings, journal), Path(backup))


if __name__ == "__main__":
    main(*sys.argv[1:])
