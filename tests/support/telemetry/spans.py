"""A recorder that keeps spans in memory."""

from typing import NamedTuple

from services.shared.telemetry.trace import Attributes, Trace


class Span(NamedTuple):
    trace: Trace
    name: str
    kind: str
    seconds: float
    attributes: Attributes
    failed: bool


class KeptSpans:
    """Keeps all spans, in the order of their ends."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(
        self, trace: Trace, name: str, kind: str, seconds: float, attributes: Attributes, *, failed: bool
    ) -> None:
        self.spans.append(Span(trace, name, kind, seconds, dict(attributes), failed))

    def named(self, name: str) -> Span:
        """The only span with this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found
