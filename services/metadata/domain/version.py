"""metadata_version: equal versions mean equal metadata (flow-core.json)."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec

# Changing one of these alone is no new version of the metadata.
_UNVERSIONED: Final = frozenset(
    {"metadata_version", "created", "created_by", "updated_by", "metadata_updated"}
)
_ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


def next_version(sent: Mapping[str, Any], stored: Mapping[str, Any] | None) -> str:
    """The version to store: the client's when it is new, else one of ours if the metadata changed."""
    asked: str | None = sent.get("metadata_version")
    current: str | None = stored.get("metadata_version") if stored else None
    if asked is not None and asked != current:
        return asked
    if current is not None and stored is not None and _versioned(sent) == _versioned(stored):
        return current
    return _new()


def _versioned(members: Mapping[str, Any]) -> bytes:
    # Compared as text: to Python, true equals 1.
    return _ENCODE({name: value for name, value in members.items() if name not in _UNVERSIONED})


def _new() -> str:
    return uuid.uuid4().hex
