"""Batches."""

from typing import Final

from gateway.codecs.batch import MAX_ITEMS
from gateway.openapi.parts import Part, array, described, integer, record, ref, text

_CHANGE: Final[Part] = record(
    "What to set on one source; what is not named stays.",
    {
        "id": described(ref("Id"), "The source, which must exist."),
        "label": text("Name for people."),
        "description": text("Text for people."),
        "tags": described(ref("Tags"), "Tags to set besides those it has."),
    },
    required=("id",),
)

_RESULT: Final[Part] = record(
    "What became of one item.",
    {
        "status": integer("The status that a request for this item alone would have had."),
        "id": text("The id in the item, if it has one."),
        "error": described(ref("Error"), "Why it was refused."),
    },
    required=("status",),
)

SCHEMAS: Final[Part] = {
    "SourceChanges": array(_CHANGE, "Changes of sources.", maxItems=MAX_ITEMS),
    "NewFlows": array(ref("Flow"), "Flows to create or replace.", maxItems=MAX_ITEMS),
    "BatchResults": record(
        "What became of each item.",
        {"results": array(_RESULT, "In the order of the items.")},
        required=("results",),
    ),
}
