"""The place of an operation in its trace, and how it passes between processes (W3C Trace Context)."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from random import getrandbits
from typing import Final, Protocol, Self

TRACEPARENT: Final = "traceparent"
Attributes = Mapping[str, str | int | float]

_HEADER: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
# The bits of a trace id that decide about sampling, as OpenTelemetry's samplers by ratio use them.
_RATIO_BITS: Final = 2**64


class Recorder(Protocol):
    """Takes the spans of a process."""

    def record(
        self,
        trace: "Trace",
        name: str,
        kind: str,
        seconds: float,
        attributes: Attributes,
        *,
        failed: bool,
    ) -> None:
        """Take a span that ends now and began `seconds` ago. `kind` is a name of SpanKind."""
        ...


class Trace:
    """One operation in a trace: the ids as hexadecimal digits, and whether its spans are recorded.

    `parent_id` is empty for the first operation of a trace.
    """

    __slots__ = ("parent_id", "recorder", "sampled", "span_id", "trace_id")

    def __init__(self, trace_id: str, parent_id: str, recorder: Recorder | None, *, sampled: bool) -> None:
        self.trace_id = trace_id
        self.span_id = f"{getrandbits(64) or 1:016x}"
        self.parent_id = parent_id
        self.recorder = recorder
        self.sampled = sampled

    def child(self) -> Self:
        """An operation that is a part of this one."""
        return type(self)(self.trace_id, self.span_id, self.recorder, sampled=self.sampled)

    def header(self) -> str:
        """The value of `traceparent` for a call that this operation makes."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


# The operation that the current task works for; None outside of calls.
current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def is_trace_id(text: str) -> bool:
    """True for 32 hexadecimal digits in lower case, of which one is not 0."""
    return _TRACE_ID.fullmatch(text) is not None


class Sampler:
    """Begins the operations of a process, and decides which traces are recorded.

    A trace that begins here is recorded with the probability `ratio`, one that began elsewhere if its first
    process records it. Without a recorder no trace is recorded here.
    """

    def __init__(self, recorder: Recorder | None = None, ratio: float = 0.0) -> None:
        self.recorder = recorder
        self.ratio = ratio

    def begin(self, traceparent: str | None, trace_id: str = "") -> Trace:
        """The operation of a call with this header. A header that is absent or malformed begins a trace.

        That trace has the id `trace_id`, if it is given.
        """
        if traceparent and (match := _HEADER.fullmatch(traceparent)) is not None:
            known, parent_id, flags = match.groups()
            sampled = self.recorder is not None and bool(int(flags, 16) & 1)
            return Trace(known, parent_id, self.recorder, sampled=sampled)
        number = int(trace_id, 16) if trace_id else getrandbits(128) or 1
        sampled = self.recorder is not None and number % _RATIO_BITS < self.ratio * _RATIO_BITS
        return Trace(trace_id or f"{number:032x}", "", self.recorder, sampled=sampled)
