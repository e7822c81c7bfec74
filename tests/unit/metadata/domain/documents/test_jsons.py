import pytest

from services.metadata.domain.documents.jsons import (
    MAX_DOCUMENT_BYTES,
    MAX_LIST_BYTES,
    encode_document,
    list_items,
)
from services.shared.errors import InvalidArgument


def refusal(document: bytes) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        list_items(document, "BAD_ROWS")
    return caught.value


def test_items_keep_their_json() -> None:
    assert list_items(b'[{"a" : 1}, 2, []]', "BAD_ROWS") == [b'{"a" : 1}', b"2", b"[]"]


def test_a_list_with_too_many_bytes_or_containers_is_refused() -> None:
    assert refusal(b"[" + b" " * MAX_LIST_BYTES).reason == "TOO_MANY_ITEMS"
    assert refusal(b"[" * 3_000_000).reason == "TOO_MANY_ITEMS"


def test_a_list_is_refused_at_its_first_item_that_is_not_an_object() -> None:
    error = refusal(b"[{},%b1]" % (b"1," * MAX_DOCUMENT_BYTES))
    assert (error.reason, error.metadata["path"]) == ("BAD_ROWS", "$[1]")


def test_stored_documents_have_a_maximum_length() -> None:
    assert encode_document({"x": "y" * (MAX_DOCUMENT_BYTES - 8)})
    with pytest.raises(InvalidArgument, match="at most"):
        encode_document({"x": "y" * (MAX_DOCUMENT_BYTES - 7)})
