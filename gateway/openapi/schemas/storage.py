"""Allocation of objects, and objects."""

from typing import Final

from gateway.codecs import storage as codec
from gateway.openapi.parts import Part, array, described, integer, record, ref, text

_OBJECT_ID: Final[Part] = text("A new object's id.", minLength=1, maxLength=1024)

SCHEMAS: Final[Part] = {
    "StorageRequest": record(
        "How many objects, or which ids; not both.",
        {
            "limit": integer(f"Number of objects; 10 when absent, {codec.MAX_OBJECTS} at most.", minimum=0),
            "object_ids": array(_OBJECT_ID, "Ids to use, all of them new.", maxItems=codec.MAX_OBJECTS),
            "storage_id": described(ref("Id"), "The storage backend; the default one when absent."),
        },
    )
    | {"not": {"required": ["limit", "object_ids"]}},
    "PutUrl": record(
        "How to write an object.",
        {
            "url": text("Where to PUT the bytes, for a limited time."),
            "content-type": text("The content type to send."),
        },
        required=("url",),
    ),
    "FlowStorage": record(
        "Allocated objects.",
        {
            "media_objects": array(
                record(
                    "One object.",
                    {"object_id": text("Its id."), "put_url": ref("PutUrl")},
                    required=("object_id", "put_url"),
                ),
                "In the order asked for.",
            )
        },
        required=("media_objects",),
        additionalProperties=False,
    ),
    "Object": record(
        "A media object and who uses it.",
        {
            "id": text("Its id; free text."),
            "referenced_by_flows": array(ref("Id"), "Flows that use it, ascending; one page of them."),
            "first_referenced_by_flow": described(ref("Id"), "The flow that used it first."),
        },
        required=("id", "referenced_by_flows"),
    ),
}
