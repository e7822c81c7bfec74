"""Classes in messages."""

from collections.abc import Collection

from tams.type.v1 import classes_pb2

from services.shared.access.classes import words_of


def message_of(classes: Collection[str] | None) -> classes_pb2.Classes:
    """The message of classes; None means all."""
    return classes_pb2.Classes(names=words_of(classes))
