"""Spans of parts of an operation: calls of other services, of tables, of object storage."""

import time
from contextvars import Token
from types import TracebackType
from typing import Final

from services.shared.telemetry.trace import Trace, current

CLIENT: Final = "CLIENT"
INTERNAL: Final = "INTERNAL"
PRODUCER: Final = "PRODUCER"
SERVER: Final = "SERVER"


class span:  # noqa: N801 - reads as a statement
    """Records the block as a part of the current operation, if that is recorded.

    Further attributes may be added to `attributes` within the block. Calls within the block are parts of it.
    """

    __slots__ = ("_kind", "_name", "_started", "_token", "_trace", "attributes")

    def __init__(self, name: str, kind: str = INTERNAL, **attributes: str | int | float) -> None:
        self._name = name
        self._kind = kind
        self.attributes: dict[str, str | int | float] = dict(attributes)
        self._trace: Trace | None = None
        self._token: Token[Trace | None] | None = None

    def __enter__(self) -> "span":
        parent = current.get()
        if parent is not None and parent.sampled:
            self._trace = parent.child()
            self._token = current.set(self._trace)
            self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        trace = self._trace
        if trace is None or self._token is None or trace.recorder is None:
            return
        current.reset(self._token)
        seconds = time.perf_counter() - self._started
        if kind is not None:
            self.attributes["error.type"] = kind.__name__
        trace.recorder.record(
            trace, self._name, self._kind, seconds, self.attributes, failed=kind is not None
        )
