"""What every servicer translates alike."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message
from tams.metadata.v1 import property_pb2

from services.metadata.domain.property import PropertyChange


def optional(message: Message, name: str) -> Any:
    """The value of an optional field, None when it is absent."""
    return getattr(message, name) if message.HasField(name) else None


def property_changes(messages: Iterable[property_pb2.PropertyChange]) -> list[PropertyChange]:
    """The changes in messages."""
    names = ("member", "tag", "value")
    return [PropertyChange(*(optional(message, name) for name in names)) for message in messages]
