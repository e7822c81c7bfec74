"""A running S3 store for tests, whatever its implementation."""

import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READY_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class S3Store:
    """The address of a store, the folder with its keys, and its process."""

    endpoint_url: str
    secrets: Path
    pid: int

    @property
    def access_key(self) -> str:
        return (self.secrets / "access_key").read_text()

    @property
    def secret_key(self) -> str:
        return (self.secrets / "secret_key").read_text()

    def client(self, **options: Any) -> "S3Client":
        """A client of the store with the rights of the store's own services."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(**options),
        )

    def backend(self, bucket: str, **changes: Any) -> dict[str, Any]:
        """The entry of a bucket in this store for a storage configuration."""
        return {
            "id": "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10",
            "label": "local",
            "provider": "local",
            "store_product": type(self).__name__,
            "default_storage": True,
            "endpoint_url": self.endpoint_url,
            "bucket": bucket,
            "access_key_file": str(self.secrets / "access_key"),
            "secret_key_file": str(self.secrets / "secret_key"),
            "create_bucket": True,
        } | changes


def wait_until_ready(endpoint_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the store of a process answers. RuntimeError with its log if it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(endpoint_url):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the store did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _answers(endpoint_url: str) -> bool:
    try:
        urllib.request.urlopen(endpoint_url, timeout=2).close()
    except urllib.error.HTTPError:
        # The store refuses the unsigned request, so it runs.
        return True
    except OSError:
        return False
    return True
