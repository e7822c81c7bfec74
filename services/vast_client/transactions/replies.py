"""Reads a split of a scan one reply at a time, so that memory does not depend on the size of the table."""

from typing import Protocol

import pyarrow as pa
from vastdb.table import SplitWorker


class _ReplyEnd(Exception):
    """The worker has read one reply and wants to send the next request."""


class Querying(Protocol):
    """The part of the API of the SDK that a worker uses."""

    def query_data(self, **arguments: object) -> object:
        """Request rows of a split; the result is the reply."""
        ...


class _OneRequest:
    """The API of the SDK with one request. Otherwise a worker would read its split to the end."""

    def __init__(self, api: Querying) -> None:
        self._api = api
        self._is_sent = False

    def query_data(self, **arguments: object) -> object:
        if self._is_sent:
            raise _ReplyEnd
        self._is_sent = True
        return self._api.query_data(**arguments)


class Replies:
    """The replies for one split of a scan, from any endpoint. It is used by one thread at a time."""

    def __init__(self, worker: SplitWorker, endpoint: str) -> None:
        self.endpoint = endpoint
        self._worker = worker
        self._batches: list[pa.RecordBatch] = []

    @property
    def done(self) -> bool:
        """True if the last reply was the end of the split."""
        return bool(self._worker.done)

    def read(self, api: Querying) -> None:
        """Read one reply. After a failure the next reply continues after the rows that were read."""
        self._worker.api = _OneRequest(api)
        try:
            for batch in self._worker:
                self._batches.append(batch)
        except _ReplyEnd:
            return

    def take(self) -> list[pa.RecordBatch]:
        """The rows that were read since the last call."""
        batches, self._batches = self._batches, []
        return batches
