"""Requests to the bucket of one backend, with boto3 in a few threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from services.media.adapters.s3_client import READ_SECONDS, open_client
from services.media.adapters.s3_observation import ObservedRequests
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import Unavailable
from services.shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")


class S3Requests:
    """Sends observed requests with one client. Each makes one attempt, because callers decide about retries.

    The storage has `read_seconds` for each part of its answer.
    """

    def __init__(
        self,
        backend: StorageBackend,
        threads: int,
        metrics: Metrics | None = None,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._label = backend.label
        self.client = open_client(backend, threads, read_seconds=read_seconds)
        ObservedRequests(backend, metrics or Metrics()).attach(self.client)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")

    async def run(self, request: Callable[["S3Client"], T]) -> T:
        """The result of the request, which gets the client. Unavailable for errors of the SDK.

        An error of another kind that the request raises in their place is passed on.
        """
        # In the context of the caller, so that the requests are parts of its operation.
        run = copy_context().run
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run, request, self.client)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"storage {self._label}: {error}") from None

    def close(self) -> None:
        """Cancel calls that have not started; those in flight end within their timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()


def code_of(error: ClientError) -> str:
    """The code of an error, such as NoSuchKey; empty if the storage gave none."""
    return error.response.get("Error", {}).get("Code", "")
