"""Decoding of documents with the path of the fault."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from services.shared import json_faults, json_numbers
from services.shared.errors import InvalidArgument

T = TypeVar("T")

# What others may nest. Every reader of a document recurses, so it must not come near their limits.
MAX_DEPTH: Final = 64

ENCODE: Final = msgspec.json.Encoder().encode
# Of a flow or source. What lists and batches hold many of must not be large, or nobody can read them.
MAX_DOCUMENT_BYTES: Final = 1024 * 1024


def decode(decoder: msgspec.json.Decoder[T], document: bytes, reason: str) -> T:
    """The value in a document; InvalidArgument with metadata "path" where it is wrong."""
    return read(decoder, document, reason)[0]


def read(decoder: msgspec.json.Decoder[T], document: bytes, reason: str) -> tuple[T, bytes]:
    """The value as decode has it, and the document to keep: its integers are written as such."""
    try:
        return decoder.decode(document), document
    except msgspec.ValidationError as error:
        if (again := json_numbers.corrected(error, decoder, document)) is not None:
            return again
        what, path = json_faults.invalid(error, decoder.type, document)
        raise refuse(what, path, reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refuse(f"not JSON: {json_faults.malformed(error, document)}", "$", reason) from None
    except RecursionError:
        raise _too_deep(reason) from None


def stored_document(members: Mapping[str, Any]) -> bytes:
    """The document to store; InvalidArgument DOCUMENT_TOO_LARGE."""
    document = ENCODE(members)
    if len(document) > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"with this it would have {len(document)} bytes of JSON; the most is {MAX_DOCUMENT_BYTES}",
            reason="DOCUMENT_TOO_LARGE",
        )
    return document


def check_depth(value: Any, document: bytes, reason: str) -> None:
    """InvalidArgument if the document's value nests deeper than MAX_DEPTH."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for one in level for child in _children(one)]
    if any(isinstance(one, dict | list) for one in level):
        raise _too_deep(reason)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep(reason: str) -> InvalidArgument:
    return refuse(f"nested deeper than {MAX_DEPTH} levels", "$", reason)


def refuse(what: str, path: str, reason: str = "BAD_FLOW") -> InvalidArgument:
    """The error for a fault at a JSON path."""
    return InvalidArgument(f"{path}: {what}", reason=reason, path=path)
