"""Translations that several servicers share."""

from collections.abc import Iterable
from typing import Any, TypeAlias

from google.protobuf.message import Message
from tams.metadata.v1 import property_pb2, text_digest_pb2, trash_pb2

from services.metadata.application.delete_options import DeleteOptions
from services.metadata.domain.documents.text_digest import TextDigest
from services.metadata.domain.property import PropertyChange

# The fields of a message by name.
Fields: TypeAlias = dict[str, Any]


def optional(message: Message, name: str) -> Any:
    """The value of an optional field; None if it is absent."""
    return getattr(message, name) if message.HasField(name) else None


def text_digest(message: text_digest_pb2.TextDigest) -> TextDigest:
    """The digest in a message."""
    return TextDigest(message.begin, message.sha256)


def optional_text_digest(request: Message, name: str) -> TextDigest | None:
    """The digest in an optional field; None if it is absent."""
    return text_digest(getattr(request, name)) if request.HasField(name) else None


def delete_options(message: trash_pb2.DeleteOptions) -> DeleteOptions:
    """The wishes of the caller of a deletion."""
    return DeleteOptions(optional(message, "soft_delete"), message.deleted_by)


def property_changes(messages: Iterable[property_pb2.PropertyChange]) -> list[PropertyChange]:
    """The changes in the messages, in order."""
    names = ("member", "tag", "value")
    return [PropertyChange(*(optional(message, name) for name in names)) for message in messages]
