"""Checks changes of collections: no flow may contain itself, and a read-only flow may not lose a member."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from services.metadata.application.classes.seeing import hides, whole
from services.metadata.application.ports import Tables
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.ids import FlowId
from services.shared.errors import InvalidArgument, PermissionDenied
from services.shared.json.reading import refuse

# The limits of one check: pairs of a collecting and a collected flow that it reads, and levels of nesting.
MAX_PAIRS: Final = 20_000
MAX_LEVELS: Final = 200
# Flows in one read.
_FLOWS_PER_READ: Final = 50

_Neighbours = Callable[[Sequence[FlowId]], Collection[tuple[FlowId, FlowId]]]


def check_circles(tables: Tables, flow_id: FlowId, members: Sequence[CollectionItem]) -> None:
    """InvalidArgument BAD_COLLECTION if the flow would contain itself with these members.

    Only new members are checked, so a stored collection never prevents a change. The search goes up from the
    flow and down from the members, always in the direction with fewer flows at the front.
    """
    tables = whole(tables)
    before = {item.id for item in tables.flows.members(flow_id)}
    new_members = {item.id: index for index, item in enumerate(members) if item.id not in before}
    if not new_members or not tables.flows.collectors(flow_id):
        return
    above = _Search({flow_id: flow_id}, _swapped(tables.flows.collector_pairs))
    below = _Search({member: member for member in new_members}, tables.flows.member_pairs)
    below.widen(above)
    _check_limits(above, below)
    if not below.front:
        return
    # Without nested members, another change that would close a circle with this one writes a row that this
    # one writes as well, so both conflict. With nested members, that needs a row of its own.
    tables.flows.guard_collections()
    while above.front and below.front and not below.meeting:
        smaller, larger = (above, below) if len(above.front) <= len(below.front) else (below, above)
        smaller.widen(larger)
        below.meeting = below.meeting or above.meeting
        _check_limits(above, below)
    if below.meeting:
        index = new_members[below.origin[below.meeting]]
        raise _refuse("the flow would contain itself", f"$.flow_collection[{index}].id")


def check_may_leave(tables: Tables, flow_id: FlowId) -> None:
    """PermissionDenied FLOW_READ_ONLY if a read-only flow collects the flow, and so would lose a member."""
    everything = whole(tables)
    if (collector := everything.flows.read_only_collector(flow_id)) is None:
        return
    stored = everything.flows.get(collector)
    if stored is not None and hides(tables, stored.document):
        raise PermissionDenied(
            f"a read-only flow that the caller does not see collects flow {flow_id}", reason="FLOW_READ_ONLY"
        )
    raise PermissionDenied(
        f"flow {collector}, which collects flow {flow_id}, is read-only",
        reason="FLOW_READ_ONLY",
        flow_id=collector,
    )


class _Search:
    """A search in one direction, level by level.

    `origin` has each flow that was reached, with the flow from which the search started; `front` has the
    flows of the last level.
    """

    def __init__(self, origin: dict[FlowId, FlowId], neighbours: _Neighbours) -> None:
        self.origin = origin
        self.front = list(origin)
        self.pairs = self.levels = 0
        # A flow that the search in the other direction has reached as well.
        self.meeting: FlowId | None = None
        self._neighbours = neighbours

    def widen(self, other: "_Search") -> None:
        """Search the next level; stop early if the two searches meet or the limit of pairs is exceeded."""
        front: list[FlowId] = []
        self.levels += 1
        for start in range(0, len(self.front), _FLOWS_PER_READ):
            for flow_id, neighbour in self._neighbours(self.front[start : start + _FLOWS_PER_READ]):
                self.pairs += 1
                if neighbour not in self.origin:
                    self.origin[neighbour] = self.origin[flow_id]
                    front.append(neighbour)
                if neighbour in other.origin:
                    self.meeting = neighbour
            if self.meeting is not None or self.pairs > MAX_PAIRS:
                break
        self.front = front


def _check_limits(above: _Search, below: _Search) -> None:
    if above.pairs + below.pairs > MAX_PAIRS or above.levels + below.levels > MAX_LEVELS:
        raise _refuse("too many flows are nested in each other to check the collection", "$.flow_collection")


def _swapped(pairs: Callable[[Sequence[FlowId]], Iterable[tuple[FlowId, FlowId]]]) -> _Neighbours:
    return lambda flow_ids: [(member, collector) for collector, member in pairs(flow_ids)]


def _refuse(problem: str, path: str) -> InvalidArgument:
    return refuse(problem, path, "BAD_COLLECTION")
