"""Decodes JSON documents, checks their limits and detects damaged ones. Errors have the path of the fault."""

import logging
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from services.shared.errors import DataDamaged, InvalidArgument
from services.shared.json import numbers as json_numbers
from services.shared.json import reading as json_reading
from services.shared.json.numbers import Corrected
from services.shared.json.sizes import has_more_containers

T = TypeVar("T")
# The members of a JSON object.
Members: TypeAlias = dict[str, Any]
_log = logging.getLogger(__name__)


class _AnyObject(msgspec.Struct):
    """A JSON object with any members."""


# Levels of lists and objects. Decoders recurse, so a document must stay far from their limit.
MAX_DEPTH: Final = 64

_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(_AnyObject)
_OBJECTS: Final = msgspec.json.Decoder(list[_AnyObject])

ENCODE: Final = msgspec.json.Encoder().encode
# Finds every fault of JSON without making objects: half a microsecond for a kilobyte.
_SYNTAX: Final = msgspec.json.Decoder(msgspec.Raw)
# The limit of a flow or source. Pages and batches hold many documents, so a single one must not be large.
MAX_DOCUMENT_BYTES: Final = 1024 * 1024
# The limit of lists and objects in one document.
MAX_CONTAINERS: Final = 50_000
# The limits of a list of documents.
MAX_LIST_BYTES: Final = 32 * 1024 * 1024
MAX_LIST_CONTAINERS: Final = 1_000_000


def decode(decoder: msgspec.json.Decoder[T], document: bytes, reason: str) -> T:
    """The value of a document.

    InvalidArgument with the reason and metadata "path" if the document has another type than the decoder's,
    InvalidArgument DOCUMENT_TOO_LARGE if it has more than MAX_DOCUMENT_BYTES.
    """
    return read(decoder, document, reason).value


def read(decoder: msgspec.json.Decoder[T], document: bytes, reason: str) -> Corrected[T]:
    """The value of a document, and the document to store, whose integers are all written as integers.

    The errors are those of `decode`.
    """
    _check_size(document)
    return json_reading.read(decoder, document, reason)


def check_list(document: bytes) -> None:
    """InvalidArgument TOO_MANY_ITEMS if a list of documents is so large that decoding it takes too long."""
    if len(document) > MAX_LIST_BYTES:
        raise InvalidArgument(f"at most {MAX_LIST_BYTES} bytes at once", reason="TOO_MANY_ITEMS")
    if has_more_containers(document, MAX_LIST_CONTAINERS):
        raise InvalidArgument(
            f"at most {MAX_LIST_CONTAINERS} lists and objects at once", reason="TOO_MANY_ITEMS"
        )


def list_items(document: bytes, reason: str) -> list[bytes]:
    """The items of a list, each as JSON.

    InvalidArgument TOO_MANY_ITEMS as `check_list` raises it, or with the reason if it is not a list.
    """
    check_list(document)
    if len(document) > MAX_DOCUMENT_BYTES:
        # Refuses megabytes of numbers, which would be too many items to hold: they are not objects.
        json_reading.read(_OBJECTS, document, reason)
    return [bytes(item) for item in json_reading.read(_ITEMS, document, reason).value]


def encode_document(members: Mapping[str, object]) -> bytes:
    """The document with the members; InvalidArgument DOCUMENT_TOO_LARGE above MAX_DOCUMENT_BYTES."""
    document = ENCODE(members)
    _check_size(document)
    return document


def _check_size(document: bytes) -> None:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"the document has {len(document)} bytes of JSON; at most {MAX_DOCUMENT_BYTES}",
            reason="DOCUMENT_TOO_LARGE",
        )


def check_containers(document: bytes) -> None:
    """InvalidArgument DOCUMENT_TOO_LARGE if a document has more than MAX_CONTAINERS lists and objects."""
    if has_more_containers(document, MAX_CONTAINERS):
        raise InvalidArgument(
            f"the document has more than {MAX_CONTAINERS} lists and objects",
            reason="DOCUMENT_TOO_LARGE",
        )


def is_json(document: bytes) -> bool:
    """True if the document is JSON."""
    try:
        document.decode()
        _SYNTAX.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def is_object(document: bytes) -> bool:
    """True if the document is a JSON object."""
    try:
        document.decode()
        _OBJECT.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def is_line(document: bytes) -> bool:
    """True if the document is JSON without line feeds, as documents of segments must be."""
    return b"\n" not in document and is_json(document)


def require_json(document: bytes, resource: str, identifier: str) -> bytes:
    """The stored document; DataDamaged if it is not JSON. `resource` is its kind, such as "flow"."""
    if not is_json(document):
        raise damage_error(resource, identifier)
    return document


def check_json_lines(documents: bytes, resource: str, identifier: str) -> None:
    """DataDamaged unless each line is a JSON document."""
    try:
        documents.decode()
        _SYNTAX.decode_lines(documents)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise damage_error(resource, identifier) from None


def damage_error(resource: str, identifier: str) -> DataDamaged:
    """The error for stored data that cannot be decoded. It is logged as well."""
    _log.error("stored data is damaged", extra={"what": resource, "id": identifier})
    return DataDamaged(f"{resource} {identifier} is damaged in the database")


def check_depth(value: object, document: bytes, reason: str) -> None:
    """InvalidArgument with the reason if the value of the document is nested deeper than MAX_DEPTH levels."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
    if any(isinstance(child, dict | list) for child in level):
        raise json_reading.refuse(f"nested deeper than {MAX_DEPTH} levels", "$", reason)


def check_numbers(document: bytes, reason: str) -> None:
    """InvalidArgument with the reason and the path of a number that does not fit into 64 bits.

    InvalidArgument DOCUMENT_TOO_LARGE above MAX_DOCUMENT_BYTES. A document with more than MAX_CONTAINERS
    lists and objects passes: `check_containers` refuses it.
    """
    _check_size(document)
    if has_more_containers(document, MAX_CONTAINERS):
        return
    if (path := json_numbers.out_of_range(document)) is not None:
        raise json_reading.refuse("a number must fit into 64 bits", path, reason)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
