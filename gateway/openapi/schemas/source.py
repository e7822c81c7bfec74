"""Sources."""

from typing import Final

from gateway.openapi.parts import Part, array, described, record, ref, text

_MEMBER: Final[Part] = record(
    "A collected source.",
    {"id": ref("Id"), "role": text("What it is in this collection.")},
    required=("id", "role"),
)

SCHEMAS: Final[Part] = {
    "Source": record(
        "A piece of media apart from any encoding of it. Sources come and go with their flows.",
        {
            "id": ref("Id"),
            "format": ref("Format"),
            "label": text("Name for people."),
            "description": text("Text for people."),
            "created_by": text("Who created it."),
            "updated_by": text("Who changed its metadata last."),
            "created": text("When it was created.", format="date-time"),
            "updated": text("When its metadata last changed.", format="date-time"),
            "tags": ref("Tags"),
            "source_collection": array(_MEMBER, "Sources collected by this one, derived from flows."),
            "collected_by": array(described(ref("Id"), "A source."), "Sources that collect this one."),
        },
        required=("id", "format"),
    ),
    "Sources": array(ref("Source"), "One page of sources, ascending by id."),
}
