"""Loop recording: a flow with the tag `loop_recorder_duration` keeps the last seconds of its timeline."""

import re
from typing import Final

import msgspec

from services.shared.json.reading import refuse
from services.shared.timerange import MIN_NS, TimeRange

TAG: Final = "loop_recorder_duration"
# A little more than a hundred years.
MAX_SECONDS: Final = 4_000_000_000
# Digits alone: a form with exponents, signs or letters of units is easily mistaken.
_SECONDS: Final = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,3}))?")
_NS_PER_MILLISECOND: Final = 1_000_000


class _Tags(msgspec.Struct):
    loop_recorder_duration: str | None = None


class _Tagged(msgspec.Struct):
    tags: _Tags | None = None


_DECODE: Final = msgspec.json.Decoder(_Tagged).decode


def parse_seconds(value: str) -> int:
    """The nanoseconds that a value of the tag stands for. InvalidArgument BAD_LOOP_DURATION."""
    match = _SECONDS.fullmatch(value)
    whole, decimals = match.groups("") if match else ("0", "")
    milliseconds = 1000 * int(whole) + int(decimals.ljust(3, "0"))
    if not 0 < milliseconds <= 1000 * MAX_SECONDS:
        raise refuse(
            f"must be seconds above 0, at most {MAX_SECONDS}, with up to three decimals, such as 86400",
            f"$.tags.{TAG}",
            "BAD_LOOP_DURATION",
        )
    return milliseconds * _NS_PER_MILLISECOND


def seconds_in(document: bytes) -> str | None:
    """The value of the tag in the document of a flow; None if it is not set, or the document is damaged."""
    try:
        tags = _DECODE(document).tags
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if tags is None else tags.loop_recorder_duration


def expired(end_ns: int, kept_ns: int) -> TimeRange:
    """The part of a timeline that ends at `end_ns` which is older than its last `kept_ns` nanoseconds."""
    return TimeRange(None, max(MIN_NS, end_ns - kept_ns))
