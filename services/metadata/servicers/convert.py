"""What every servicer translates alike."""

from typing import Any

from google.protobuf.message import Message


def optional(message: Message, name: str) -> Any:
    """The value of an optional field, None when it is absent."""
    return getattr(message, name) if message.HasField(name) else None
