"""A plain model of what clients of the metadata service should see."""

from collections import Counter
from dataclasses import dataclass, field

from services.shared.timerange import TimeRange


@dataclass
class ModelFlow:
    source: int
    kind: str
    read_only: bool
    container: bool
    segments: dict[int, tuple[int, str]] = field(default_factory=dict)


@dataclass
class ModelObject:
    inside: bool
    allocated_for: int | None
    used: bool = False


class Model:
    """Flows and objects by number and id. A change returns the reason of its refusal, or an empty text."""

    def __init__(self) -> None:
        self.flows: dict[int, ModelFlow] = {}
        self.objects: dict[str, ModelObject] = {}

    def put(self, number: int, flow: ModelFlow) -> str:
        before = self.flows.get(number)
        if before is not None and before.read_only:
            return "FLOW_READ_ONLY"
        kinds = {other.kind for other in self.flows.values() if other.source == flow.source}
        if (before is not None and before.kind != flow.kind) or kinds - {flow.kind}:
            return "FORMAT_CONFLICT"
        flow.segments = before.segments if before else {}
        self.flows[number] = flow
        return ""

    def refusal(self, number: int, *, owning: bool = False) -> str:
        flow = self.flows.get(number)
        if flow is None:
            return "FLOW_NOT_FOUND"
        if flow.read_only:
            return "FLOW_READ_ONLY"
        return "NO_CONTAINER" if owning and not flow.container else ""

    def reserve(self, number: int, names: list[str]) -> str:
        if reason := self.refusal(number, owning=True):
            return reason
        if len(set(names)) < len(names) or self.objects.keys() & set(names):
            return "OBJECT_EXISTS"
        self.objects |= {name: ModelObject(inside=True, allocated_for=number) for name in names}
        return ""

    def register(self, number: int, start: int, end: int, name: str, *, urls: bool) -> str:
        known = self.objects.get(name)
        if known is None and not urls:
            return "UNKNOWN_OBJECT"
        if known is not None and not known.used and known.allocated_for != number:
            return "FOREIGN_OBJECT"
        segments = self.flows[number].segments
        if any(start < other_end and other_start < end for other_start, (other_end, _) in segments.items()):
            return "SEGMENT_OVERLAP"
        self.objects.setdefault(name, ModelObject(inside=False, allocated_for=None)).used = True
        segments[start] = end, name
        return ""

    def unregister(self, number: int, within: TimeRange, name: str | None) -> int:
        segments = self.flows[number].segments
        removed = [
            start
            for start, (end, object_id) in segments.items()
            if within.covers(TimeRange(start, end)) and name in (None, object_id)
        ]
        for start in removed:
            del segments[start]
        self.forget()
        return len(removed)

    def delete(self, number: int) -> None:
        del self.flows[number]
        self.forget()

    def forget(self) -> None:
        """Drop objects outside the store that nothing references any more."""
        referenced = self.references().keys()
        self.objects = {
            name: known for name, known in self.objects.items() if known.inside or name in referenced
        }

    def references(self) -> dict[str, Counter[int]]:
        found: dict[str, Counter[int]] = {}
        for number, flow in self.flows.items():
            for _, name in flow.segments.values():
                found.setdefault(name, Counter())[number] += 1
        return found
