"""The ids of the flows and sources of an ingest.

They derive from the file's content: a second ingest of the same file continues the first, wherever it was
interrupted and whatever the file's name. Content at another position on the timeline is another flow and
another source (TAMS application note 0017), so the ids derive from the position as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6d0a2b0e-3c55-5f0e-9d2b-6f1c8f6a7f41")


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of a flow and of its source."""

    flow_id: str
    source_id: str


class Identities:
    """Ids by role: those `given`, others derived from a seed."""

    def __init__(self, seed: str, origin: int, given: Mapping[str, Identity]) -> None:
        self._name = f"{seed}@{origin}"
        self._given = given

    def __getitem__(self, role: str) -> Identity:
        return self._given.get(role) or Identity(self._derived("flow", role), self._derived("source", role))

    def _derived(self, kind: str, role: str) -> str:
        return str(uuid5(_NAMESPACE, f"{self._name}/{kind}/{role}"))
