"""Flow documents (TAMS 7.0 flow.json) for the streams of a file."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from client.api.flow_values import COMPLETE, FORMATS, INGESTING, STATUS
from client.api.models import Document
from client.essence.coding.codecs import CONTAINER
from client.essence.recording import Essence
from client.essence.timing import NS
from client.ingest.identity import Identity


def essence_flow(essence: Essence, identity: Identity, label: str, target: int) -> Document:
    """The flow of one essence; `target` is the segment duration in nanoseconds."""
    duration = Fraction(target, NS)
    language = {"language": essence.language} if essence.language not in {None, "", "und"} else {}
    return {
        "id": identity.flow_id,
        "source_id": identity.source_id,
        "format": FORMATS[essence.kind],
        "label": label,
        "tags": {STATUS: INGESTING, **language},
        "codec": essence.codec,
        "container": CONTAINER,
        "segment_duration": {"numerator": duration.numerator, "denominator": duration.denominator},
        "essence_parameters": essence.parameters,
    }


def multi_flow(identity: Identity, members: Sequence[tuple[str, Identity]], label: str) -> Document:
    """The flow that collects `members`, each with its role."""
    return {
        "id": identity.flow_id,
        "source_id": identity.source_id,
        "format": FORMATS["multi"],
        "label": label,
        "tags": {STATUS: INGESTING},
        "flow_collection": [{"id": member.flow_id, "role": role} for role, member in members],
    }


def completed(document: Document, measured: Mapping[str, object], *, regular: bool) -> Document:
    """The document of a stored flow, completed after all its media is registered.

    If the pictures are not `regular`, the frame rate is removed: in a flow it means a fixed rate.
    """
    tags = {**document.get("tags", {}), STATUS: COMPLETE}
    changed = {**document, **measured, "tags": tags}
    if not regular:
        essence = changed.get("essence_parameters", {})
        changed["essence_parameters"] = {k: v for k, v in essence.items() if k != "frame_rate"}
    return changed
