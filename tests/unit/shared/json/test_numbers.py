from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.codecs import decoding
from services.metadata.domain.documents import jsons
from services.shared.errors import InvalidArgument


class Inner(Struct, forbid_unknown_fields=True):
    numbers: list[Annotated[int, Meta(ge=0)]] = []


class EveryKind(Struct, tag_field="format", tag="one"):
    count: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | UnsetType = UNSET
    maybe: int | None = None
    many: list[Inner] | UnsetType = UNSET
    named: dict[str, int] = {}
    share: float = 0.0
    either: int | float | None = None
    flag: bool = False
    label: str = ""
    later: msgspec.Raw | UnsetType = UNSET


class FloatCount(Struct, tag_field="format", tag="two"):
    count: float
    maybe: int = 0


_decoder = msgspec.json.Decoder(EveryKind | FloatCount | list[int])


def decode_both(document: bytes) -> Any:
    """The value of a document, which the gateway and the metadata service read alike."""
    value = decoding.decode(_decoder, document)
    value_in_service, _ = jsons.read(_decoder, document, "BAD")
    assert value_in_service == value
    return value


def decode_members(members: bytes) -> EveryKind:
    value: EveryKind = decode_both(b'{"format":"one",%b}' % members)
    return value


def refusal_of(document: bytes) -> tuple[str, str]:
    """The path and the text with which both refuse a document."""
    with pytest.raises(InvalidArgument) as in_gateway:
        decoding.decode(_decoder, document)
    with pytest.raises(InvalidArgument) as in_service:
        jsons.decode(_decoder, document, "BAD")
    assert in_gateway.value.metadata["path"] == in_service.value.metadata["path"]
    return in_gateway.value.metadata["path"], in_gateway.value.summary


@st.composite
def integers_as_decimals(draw: st.DrawFn) -> tuple[int, bytes]:
    """A 64-bit integer, and a decimal of the same value."""
    number = draw(st.integers(-(2**63), 2**63 - 1))
    digits, moved = str(abs(number)), draw(st.integers(0, 25))
    digits = digits.rjust(moved + 1, "0")
    cut = len(digits) - moved
    sign = "-" if number < 0 else ""
    zeros = draw(st.sampled_from(["0", "", "000"]))
    fraction = f".{digits[cut:]}{zeros}".rstrip(".")
    power = f"{draw(st.sampled_from('eE'))}{draw(st.sampled_from(['', '+']))}{moved}"
    return number, f"{sign}{digits[:cut]}{fraction}{power}".encode()


@given(integers_as_decimals())
def test_a_decimal_with_a_whole_value_is_read_as_that_integer(spellings: tuple[int, bytes]) -> None:
    number, decimal = spellings
    assert decode_members(b'"count":%b' % decimal).count == number


@pytest.mark.parametrize(
    ("decimal", "number"),
    [(b"25.0", 25), (b"1e3", 1000), (b"-0.0", 0), (b"12000e-3", 12), (b"9007199254740993.0", 2**53 + 1)],
)
def test_whole_decimals_become_exact_integers(decimal: bytes, number: int) -> None:
    count = decode_members(b'"count":%b' % decimal).count
    assert (type(count), count) == (int, number)


def test_only_members_of_integer_type_are_corrected() -> None:
    document = (
        b'{"format":"one","count":1.0,"maybe":2.0,"many":[{"numbers":[3.0,4]},{"numbers":[5,6e0]}],'
        b'"named":{"a.b":7.0,"c":8},"share":9.0,"either":1.0,"label":"1.0","x":[1.0,1e400],"later":{"y":1.0}}'
    )
    value, corrected = jsons.read(_decoder, document, "BAD")
    assert isinstance(value, EveryKind)
    assert (value.count, value.maybe, value.named) == (1, 2, {"a.b": 7, "c": 8})
    assert value.many == [Inner([3, 4]), Inner([5, 6])]
    assert (type(value.share), type(value.either)) == (float, float)
    assert corrected == (
        b'{"format":"one","count":1,"maybe":2,"many":[{"numbers":[3,4]},{"numbers":[5,6]}],'
        b'"named":{"a.b":7,"c":8},"share":9.0,"either":1.0,"label":"1.0","x":[1.0,1e400],"later":{"y":1.0}}'
    )


def test_the_tag_selects_which_members_are_integers() -> None:
    value = decode_both(b'{"maybe":2.0,"count":3.0,"format":"two"}')
    assert (value, type(value.count)) == (FloatCount(3.0, 2), float)


def test_ten_thousand_whole_decimals_are_corrected() -> None:
    assert decode_both(b"[%b]" % b",".join([b"1.0"] * 10_000)) == [1] * 10_000


@pytest.mark.parametrize(("item", "count"), [(b"1.0", 260_000), (b"[]", 60_000), (b'{"a":1}', 60_000)])
def test_whole_decimals_are_refused_in_a_document_of_very_many_values(item: bytes, count: int) -> None:
    document = b'{"format":"one","count":1.0,"x":[%b]}' % b",".join([item] * count)
    assert refusal_of(document)[0] == "$.count"


def test_a_document_without_whole_decimals_is_returned_as_sent() -> None:
    document = b'{ "format" : "one" , "count" : 1 , "share" : 2.0 }'
    assert jsons.read(_decoder, document, "BAD")[1] is document


@pytest.mark.parametrize(
    ("members", "path"),
    [
        (b'"count":1.5', "$.count"),
        (b'"count":1e-3', "$.count"),
        (b'"count":9223372036854775808.0', "$.count"),
        (b'"count":-9223372036854775808.5', "$.count"),
        (b'"count":1e300', "$.count"),
        (b'"count":1e400', "$.count"),
        (b'"count":1e99999999999999999999', "$.count"),
        (b'"count":true', "$.count"),
        (b'"count":"1.0"', "$.count"),
        (b'"flag":1.0', "$.flag"),
        (b'"label":1.0', "$.label"),
        (b'"many":[{"numbers":[1,-1.0]}]', "$.many[0].numbers[1]"),
        (b'"many":[{"numbers":[1.0],"x":1}]', "$.many[0].numbers[0]"),
        (b'"count":1.0,"maybe":1.5', "$.count"),
        (b'"count":1.0,"x":"\xff"', "$.count"),
        (b'"count":1.0,"x":' + b"[" * 100_000, "$.count"),
        (b'"count":1.0,', "$.count"),
    ],
)
def test_other_values_are_refused_with_their_path(members: bytes, path: str) -> None:
    assert refusal_of(b'{"format":"one",%b}' % members)[0] == path


def test_the_error_names_the_type_that_was_sent() -> None:
    _, summary = refusal_of(b'{"format":"one","count":1.5}')
    assert summary == "$.count: Expected `int`, got `float`"
