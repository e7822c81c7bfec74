import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from services.shared import json_faults
from services.shared.ids import UUID_PATTERN


class Inner(Struct, forbid_unknown_fields=True):
    kind: Literal["b", "a"]
    other: Literal["c"] | UnsetType = UNSET


class One(Struct, tag_field="format", tag="one"):
    id: Annotated[str, Meta(pattern=f"^{UUID_PATTERN}\\Z")] | UnsetType = UNSET
    type: Annotated[str, Meta(pattern=r"^[^\s/]+/[^\s/]+\Z")] | UnsetType = UNSET
    inner: Inner | UnsetType = UNSET
    many: Annotated[list[Inner], Meta(max_length=2)] | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    count: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    flag: bool | UnsetType = UNSET


class Two(Struct, tag_field="format", tag="two"):
    inner: Literal["z"]


def told(document: bytes, kind: Any = One | Two) -> tuple[str, str]:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(document, type=kind)
    return json_faults.invalid(caught.value, kind, document)


@pytest.mark.parametrize(
    ("members", "what", "path"),
    [
        ({"id": "x"}, "expected a lower-case UUID of version 1 to 5", "$.id"),
        ({"type": "x"}, "expected a MIME type such as video/mp2t", "$.type"),
        ({"count": "1"}, "expected a whole number, got a string", "$.count"),
        ({"count": 1.5}, "expected a whole number, got a decimal number", "$.count"),
        ({"count": -1}, "expected a whole number >= 0", "$.count"),
        ({"flag": None}, "expected true or false, got null", "$.flag"),
        ({"inner": []}, "expected an object, got a list", "$.inner"),
        ({"inner": {}}, "'kind' is missing", "$.inner"),
        ({"inner": {"kind": "a", "x": 1}}, "'x' is no member of this object", "$.inner"),
        ({"inner": {"kind": "x"}}, "'x' is none of a, b", "$.inner.kind"),
        ({"many": [{"kind": "a"}, {"kind": "x"}]}, "'x' is none of a, b", "$.many[1].kind"),
        ({"many": [{"kind": "a"}] * 3}, "expected a list of length <= 2", "$.many"),
        ({"tags": {"a": "b", "c.d": 5}}, "expected a string, got a whole number", "$.tags['c.d']"),
        ({"format": "three"}, "'three' is none of one, two", "$.format"),
        ({"format": "two", "inner": "x"}, "'x' is none of z", "$.inner"),
    ],
)
def test_faults_are_told_in_the_words_of_json(members: dict[str, object], what: str, path: str) -> None:
    assert told(json.dumps({"format": "one", **members}).encode()) == (what, path)


def test_faults_without_a_place_or_in_what_is_no_json_further_on() -> None:
    assert told(b"5") == ("expected an object, got a whole number", "$")
    assert told(b"{}") == ("'format' is missing", "$")
    assert told(b'{"format":"one","tags":{"a":5},') == (
        "expected a string, got a whole number",
        "$.tags[...]",
    )


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark"),
        (b'"\xff"', "it is not UTF-8"),
        (b"{", "it ends too early, or has half of a surrogate pair"),
        (b'"\\ud800"', "it ends too early, or has half of a surrogate pair"),
        (b"{}x", "trailing characters (byte 3)"),
    ],
)
def test_what_is_no_json(document: bytes, what: str) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)) as caught:
        msgspec.json.decode(document)
    assert json_faults.malformed(caught.value, document) == what
