"""Values that several resources share."""

from typing import Final

from gateway.codecs.filters import FORMATS
from gateway.openapi.parts import Part, boolean, enum, integer, record, text
from services.shared.ids import UUID_PATTERN

_STAMP = r"-?(0|[1-9][0-9]*):(0|[1-9][0-9]{0,8})"

SCHEMAS: Final[Part] = {
    "Id": text("A lower-case UUID of version 1 to 5.", pattern=f"^{UUID_PATTERN}$"),
    "Format": enum("What kind of media this is.", *FORMATS),
    "MimeType": text("A MIME type.", pattern=r"^[^\s/]+/[^\s/]+$", examples=["video/h264"]),
    "Timestamp": text(
        "A point in time or an offset: seconds, a colon, nanoseconds. A minus sign counts for the whole. "
        "Within int64 nanoseconds, about 292 years either side of 0:0.",
        pattern=f"^{_STAMP}$",
        examples=["10:500000000"],
    ),
    "TimeRange": text(
        "Start and end joined by an underscore; a square bracket includes its end, a round one leaves it "
        "out. `_` is all of time, `()` is empty, `[10:0]` a single instant.",
        pattern=rf"^(\[|\()?({_STAMP})?(_({_STAMP})?)?(\]|\))?$",
        examples=["[0:0_10:0)"],
    ),
    "Text": text("Free text."),
    "BitRate": integer("In units of 1000 bit/s.", minimum=0),
    "ReadOnly": boolean("Whether the flow refuses changes."),
    "Tags": record("Free names with a text each.", {}, additionalProperties={"type": "string"}),
    "Error": record(
        "What went wrong.",
        {
            "type": text("The cause, a stable name for programs.", examples=["FLOW_NOT_FOUND"]),
            "summary": text("The cause in one sentence."),
            "time": text("When it happened.", format="date-time"),
            "path": text("JSON path of the offending value in the body.", examples=["$[2].timerange"]),
        },
        required=("type", "summary", "time"),
    ),
}
