"""A plain model of flows, segments and the trash, as clients should see them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count

from services.shared.timerange import TimeRange

Segments = dict[int, tuple[int, str]]


@dataclass
class ModelFlow:
    """A flow. It keeps its `key` in the trash; another flow with its number has another one."""

    key: int
    source: int
    kind: str
    members: list[int]
    segments: Segments = field(default_factory=dict)


@dataclass
class Entry:
    """A flow in the trash with its places in collections, or segments of the flow with a key."""

    operation: int
    number: int
    flow: ModelFlow | None = None
    places: list[tuple[int, int]] = field(default_factory=list)
    key: int = 0
    segments: Segments = field(default_factory=dict)


class TrashModel:
    """Flows by number. A change returns the reason of its refusal, or an empty text."""

    def __init__(self) -> None:
        self.flows: dict[int, ModelFlow] = {}
        # In the order of deletion.
        self.trash: list[Entry] = []
        self._numbers = count(1)

    def put(self, number: int, source: int, kind: str, members: list[int]) -> str:
        before = self.flows.get(number)
        if before is not None and before.kind != kind:
            return "FORMAT_CONFLICT"
        if not self.flows.keys() >= set(members):
            return "BAD_COLLECTION"
        if self._conflicts(source, kind):
            return "FORMAT_CONFLICT"
        key, segments = (before.key, before.segments) if before else (next(self._numbers), {})
        self.flows[number] = ModelFlow(key, source, kind, members, segments)
        return ""

    def register(self, number: int, start: int, end: int, name: str) -> str:
        segments = self.flows[number].segments
        if _overlaps(segments, start, end):
            return "SEGMENT_OVERLAP"
        segments[start] = end, name
        return ""

    def delete(self, numbers: list[int], *, soft: bool) -> None:
        operation = next(self._numbers)
        for number in numbers:
            places = [
                (other, flow.members.index(number))
                for other, flow in sorted(self.flows.items())
                if number in flow.members
            ]
            for other, _ in places:
                self.flows[other].members = [one for one in self.flows[other].members if one != number]
            flow = self.flows.pop(number)
            if soft:
                self.trash.append(Entry(operation, number, flow, places))

    def unregister(self, numbers: list[int], within: TimeRange, name: str | None, *, soft: bool) -> None:
        operation = next(self._numbers)
        for number in numbers:
            flow = self.flows[number]
            taken = {
                start: (end, used)
                for start, (end, used) in flow.segments.items()
                if within.covers(TimeRange(start, end)) and name in (None, used)
            }
            flow.segments = {start: flow.segments[start] for start in flow.segments.keys() - taken.keys()}
            if soft and taken:
                self.trash.append(Entry(operation, number, key=flow.key, segments=taken))

    def restore(self, entries: list[Entry]) -> str:
        """Restore entries of one operation: all of its flows, or none."""
        before = deepcopy(self.flows), list(self.trash)
        for entry in reversed(entries):
            if reason := self._restore_flow(entry) if entry.flow else self._restore_segments(entry):
                if entry.flow:
                    self.flows, self.trash = before
                return reason
        return ""

    def _restore_flow(self, entry: Entry) -> str:
        flow = entry.flow
        assert flow is not None
        if entry.number in self.flows:
            return "FLOW_EXISTS"
        lost = set(flow.members) - self.flows.keys()
        if any(other.flow and other.number in lost for other in self.trash):
            return "MEMBER_IN_TRASH"
        if self._conflicts(flow.source, flow.kind):
            return "FORMAT_CONFLICT"
        members = [member for member in flow.members if member not in lost]
        self.flows[entry.number] = ModelFlow(flow.key, flow.source, flow.kind, members, dict(flow.segments))
        self.trash.remove(entry)
        for other, index in entry.places:
            if other in self.flows and entry.number not in self.flows[other].members:
                self.flows[other].members.insert(index, entry.number)
        return ""

    def _restore_segments(self, entry: Entry) -> str:
        flow = self.flows.get(entry.number)
        if flow is None:
            return "FLOW_NOT_FOUND"
        if flow.key != entry.key:
            return "FLOW_REPLACED"
        if any(_overlaps(flow.segments, start, end) for start, (end, _) in entry.segments.items()):
            return "SEGMENT_OVERLAP"
        flow.segments |= entry.segments
        self.trash.remove(entry)
        return ""

    def users(self, name: str) -> list[int]:
        """The flows that use an object, ascending."""
        return sorted(
            number
            for number, flow in self.flows.items()
            if name in {used for _, used in flow.segments.values()}
        )

    def _conflicts(self, source: int, kind: str) -> bool:
        return any(flow.kind != kind for flow in self.flows.values() if flow.source == source)


def _overlaps(segments: Segments, start: int, end: int) -> bool:
    return any(start < other_end and other < end for other, (other_end, _) in segments.items())
