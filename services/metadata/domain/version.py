"""metadata_version: equal versions mean equal metadata (flow-core.json)."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

# Changing one of these alone is no new version of the metadata.
_UNVERSIONED: Final = frozenset(
    {"metadata_version", "created", "created_by", "updated_by", "metadata_updated"}
)


def next_version(sent: Mapping[str, Any], stored: Mapping[str, Any] | None) -> str:
    """The version to store: the client's when it is new, else one of ours if the metadata changed."""
    asked = sent.get("metadata_version")
    if stored is None:
        return asked or _new()
    current = stored.get("metadata_version")
    if asked and asked != current:
        return str(asked)
    return str(current) if current and _versioned(sent) == _versioned(stored) else _new()


def _versioned(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in _UNVERSIONED}


def _new() -> str:
    return uuid.uuid4().hex
