"""JSON documents read into typed values, and the errors of those that do not fit."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from services.shared.errors import InvalidArgument
from services.shared.json import reading as json_reading


class Item(Struct, forbid_unknown_fields=True):
    kind: Literal["a", "b"]


class Document(Struct):
    items: Annotated[list[Item], Meta(max_length=2)] | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    count: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


_decoder = msgspec.json.Decoder(Document)


def refusal_of(document: bytes) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        json_reading.read(_decoder, document, "BAD_BODY", "BAD_JSON")
    return caught.value


def test_a_valid_document_is_kept_as_sent() -> None:
    document = b'{ "count": 1 }'
    value, kept = json_reading.read(_decoder, document, "BAD_BODY")
    assert value.count == 1
    assert kept is document


def test_whole_decimals_are_kept_as_integers() -> None:
    value, kept = json_reading.read(_decoder, b'{"count":1.0}', "BAD_BODY")
    assert (value.count, kept) == (1, b'{"count":1}')


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (b"5", "$"),
        (b'{"count":"1"}', "$.count"),
        (b'{"count":-1}', "$.count"),
        (b'{"items":{}}', "$.items"),
        (b'{"items":[{"kind":"a"},{"kind":"x"}]}', "$.items[1].kind"),
        (b'{"items":[{}]}', "$.items[0]"),
        (b'{"items":[{"kind":"a","x":1}]}', "$.items[0]"),
        (b'{"tags":{"a":"b","c.d":5}}', "$.tags[...]"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_path(document: bytes, path: str) -> None:
    error = refusal_of(document)
    assert (error.reason, error.metadata["path"]) == ("BAD_BODY", path)
    assert error.summary.startswith(f"{path}: ") == (path != "$")


def test_the_error_text_has_the_fault_and_its_path_once() -> None:
    assert refusal_of(b'{"count":"1"}').summary == "$.count: Expected `int`, got `str`"
    assert refusal_of(b"5").summary == "Expected `object`, got `int`"
    assert "`kind`" in refusal_of(b'{"items":[{}]}').summary


def test_the_error_text_is_short_even_if_the_value_is_long() -> None:
    error = refusal_of(b'{"items":[{"kind":"%b"}]}' % (b"x" * 100_000))
    assert error.metadata["path"] == "$.items[0].kind"
    assert len(error.summary) < 1000


@pytest.mark.parametrize(
    "document", [b"", b"{", b"{}x", b'{"tags":{"a":"\xff"}}', b'"\\ud800"', b"\xef\xbb\xbf{}"]
)
def test_malformed_json_is_refused_with_its_own_reason(document: bytes) -> None:
    error = refusal_of(document)
    assert (error.reason, error.metadata["path"]) == ("BAD_JSON", "$")
    assert error.summary.startswith("not JSON: ")


def test_deep_nesting_is_refused() -> None:
    error = refusal_of(b'{"x":' + b"[" * 100_000)
    assert (error.reason, error.summary) == ("BAD_JSON", "nested too deeply")


def test_malformed_json_has_the_same_reason_unless_another_is_given() -> None:
    for document in (b"5", b"{", b'{"x":' + b"[" * 100_000):
        with pytest.raises(InvalidArgument) as caught:
            json_reading.read(_decoder, document, "BAD_ROW")
        assert caught.value.reason == "BAD_ROW"
