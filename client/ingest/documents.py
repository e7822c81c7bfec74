"""Flow documents (TAMS 7.0 flow.json) for what a file holds."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from client.essence.codecs import CONTAINER
from client.essence.recording import Essence
from client.essence.timing import NS
from client.ingest.identity import Identity

Document = dict[str, Any]

_FORMATS: Final = {"video": "urn:x-nmos:format:video", "audio": "urn:x-nmos:format:audio"}
_MULTI: Final = "urn:x-nmos:format:multi"
# A tag players and browsers of stores look at.
STATUS: Final = "flow_status"
INGESTING: Final = "ingesting"
COMPLETE: Final = "closed_complete"


def essence_flow(essence: Essence, identity: Identity, label: str, target: int) -> Document:
    """The flow of one essence; `target` is the segment duration in nanoseconds."""
    duration = Fraction(target, NS)
    language = {"language": essence.language} if essence.language not in {None, "", "und"} else {}
    return {
        "id": identity.flow_id,
        "source_id": identity.source_id,
        "format": _FORMATS[essence.kind],
        "label": label,
        "tags": {STATUS: INGESTING, **language},
        "codec": essence.codec,
        "container": CONTAINER,
        "segment_duration": {"numerator": duration.numerator, "denominator": duration.denominator},
        "essence_parameters": essence.parameters,
    }


def multi_flow(identity: Identity, members: Sequence[tuple[str, Identity]], label: str) -> Document:
    """The flow that collects others, each with its role."""
    return {
        "id": identity.flow_id,
        "source_id": identity.source_id,
        "format": _MULTI,
        "label": label,
        "tags": {STATUS: INGESTING},
        "flow_collection": [{"id": member.flow_id, "role": role} for role, member in members],
    }


def completed(document: Mapping[str, Any], measured: Mapping[str, Any], *, regular: bool) -> Document:
    """A stored flow's document with what is known once all its media is there.

    A frame rate the pictures did not keep goes: in a flow it means a fixed one.
    """
    tags = {**document.get("tags", {}), STATUS: COMPLETE}
    changed = {**document, **measured, "tags": tags}
    if not regular:
        essence = changed.get("essence_parameters", {})
        changed["essence_parameters"] = {k: v for k, v in essence.items() if k != "frame_rate"}
    return changed
