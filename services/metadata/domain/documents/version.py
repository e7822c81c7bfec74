"""metadata_version: equal versions mean equal metadata (flow-core.json)."""

import uuid
from typing import Final

import msgspec

from services.metadata.domain.documents.jsons import Members

# A change of these members alone makes no new version of the metadata.
_UNVERSIONED: Final = frozenset(
    {"metadata_version", "created", "created_by", "updated_by", "metadata_updated"}
)
_ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


def next_version(sent: Members, stored: Members | None) -> str:
    """The version to store.

    It is the client's if the client sent a new one, else the current one if nothing changed, else a new one.
    `stored` has the members before the change; None or empty for a new flow.
    """
    requested: str | None = sent.get("metadata_version")
    current: str | None = stored.get("metadata_version") if stored else None
    if requested is not None and requested != current:
        return requested
    if current is not None and stored is not None and _versioned(sent) == _versioned(stored):
        return current
    return uuid.uuid4().hex


def _versioned(members: Members) -> bytes:
    # As JSON, because true equals 1 in Python.
    return _ENCODE({name: value for name, value in members.items() if name not in _UNVERSIONED})
