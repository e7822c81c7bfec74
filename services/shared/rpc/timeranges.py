"""Converts TimeRange to and from its message."""

from tams.type.v1 import timerange_pb2

from services.shared.timerange import TimeRange


def from_message(message: timerange_pb2.TimeRange) -> TimeRange:
    """The range in a message."""
    return TimeRange(
        message.start_ns if message.HasField("start_ns") else None,
        message.end_ns if message.HasField("end_ns") else None,
        message.end_inclusive,
    )


def to_message(timerange: TimeRange) -> timerange_pb2.TimeRange:
    """The message of a range."""
    return timerange_pb2.TimeRange(
        start_ns=timerange.start, end_ns=timerange.end, end_inclusive=timerange.end_inclusive
    )
