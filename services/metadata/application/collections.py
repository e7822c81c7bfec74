"""Collections: members a flow may have, and the lists derived from them (ADR 0012).

A flow lists its members; `collected_by` of the members, and `source_collection` and `collected_by` of
the sources, follow from that and are recomputed in the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from services.metadata.application.ports import Tables
from services.metadata.domain.essence import CollectionItem
from services.metadata.domain.flow import parse_flow
from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.version import next_version
from services.shared.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Affected:
    """Flows and sources whose derived lists may change."""

    flows: frozenset[str]
    sources: frozenset[str]

    @classmethod
    def by(cls, tables: Tables, flow_id: str, sources: Iterable[str]) -> "Affected":
        """What hangs on a flow now: its members, their sources, and the sources of its collectors."""
        members = frozenset(item.id for item in tables.flows.members(flow_id))
        neighbours = tables.flows.sources_of({*members, *tables.flows.collectors(flow_id)})
        return cls(members, frozenset(sources) | frozenset(neighbours.values()))

    def also(self, tables: Tables, flow_id: str) -> "Affected":
        """The same, and what hangs on the flow after a change."""
        after = Affected.by(tables, flow_id, ())
        return Affected(self.flows | after.flows, self.sources | after.sources)

    def derive(self, tables: Tables) -> None:
        """Recompute the lists."""
        tables.flows.derive_collections(self.flows, self.sources)


def check_members(tables: Tables, flow_id: str, members: Sequence[CollectionItem]) -> None:
    """InvalidArgument BAD_COLLECTION unless every member is registered and none is the flow itself."""
    known = tables.flows.sources_of({item.id for item in members})
    for index, item in enumerate(members):
        if item.id == flow_id or item.id not in known:
            why = "a flow cannot collect itself" if item.id == flow_id else f"no flow {item.id}"
            path = f"$.flow_collection[{index}].id"
            raise InvalidArgument(f"{path}: {why}", reason="BAD_COLLECTION", path=path)


def leave_collections(tables: Tables, flow_id: str, now: str) -> list[str]:
    """Take a flow out of every collection; the collecting flows, whose metadata changed."""
    collectors = tables.flows.collectors(flow_id)
    for collector in collectors:
        stored = tables.flows.get(collector)
        if stored is None:
            continue
        before = msgspec.json.decode(stored.document)
        members = {**before, "metadata_updated": now}
        members["flow_collection"] = [i for i in before["flow_collection"] if i["id"] != flow_id]
        members["metadata_version"] = next_version(members, before)
        document = ENCODE(members)
        tables.flows.put(parse_flow(document), document)
    return collectors
