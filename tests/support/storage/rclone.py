"""Another implementation of S3 for tests: `rclone serve s3`, with its own keys and folder.

It has no conditional writes, no CORS rules, no checksums but MD5, and no keys with fewer rights.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes.ports import free_ports
from tests.support.storage.s3_store import S3Store, wait_until_ready

_PROGRAM = Path(sys.executable).parent / "rclone"


class Rclone(S3Store):
    """A running `rclone serve s3`."""

    def backend(self, bucket: str, **changes: Any) -> dict[str, Any]:
        """The entry of a bucket in this store for a storage configuration."""
        return super().backend(bucket, **{"conditional_writes": "off"} | changes)


@contextmanager
def running_rclone(folder: Path) -> Iterator[Rclone]:
    """A store that keeps its data in `folder`, ready for requests."""
    keys, objects, log = folder / "keys", folder / "objects", folder / "rclone.log"
    for part in (keys, objects):
        part.mkdir(parents=True)
    for name in ("access_key", "secret_key"):
        (keys / name).write_text(secrets.token_hex(10))
    (port,) = free_ports(1)
    store = Rclone(endpoint_url=f"http://127.0.0.1:{port}", secrets=keys, pid=0)
    process = _started(store, objects, log)
    try:
        wait_until_ready(store.endpoint_url, process, log)
        yield Rclone(endpoint_url=store.endpoint_url, secrets=keys, pid=process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _started(store: Rclone, objects: Path, log: Path) -> subprocess.Popen[bytes]:
    address = store.endpoint_url.removeprefix("http://")
    env = {
        "PATH": os.environ["PATH"],
        # A pair is one item of a list that commas separate.
        "RCLONE_AUTH_KEY": f'"{store.access_key},{store.secret_key}"',
        "RCLONE_CONFIG": os.devnull,
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [str(_PROGRAM), "serve", "s3", "--addr", address, str(objects)],
            env=env,
            cwd=objects,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
