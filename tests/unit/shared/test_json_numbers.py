from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.codecs import decoding
from services.metadata.domain import jsons
from services.shared.errors import InvalidArgument


class Inner(Struct, forbid_unknown_fields=True):
    numbers: list[Annotated[int, Meta(ge=0)]] = []


class One(Struct, tag_field="format", tag="one"):
    count: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | UnsetType = UNSET
    maybe: int | None = None
    many: list[Inner] | UnsetType = UNSET
    named: dict[str, int] = {}
    share: float = 0.0
    either: int | float | None = None
    flag: bool = False
    label: str = ""
    later: msgspec.Raw | UnsetType = UNSET


class Two(Struct, tag_field="format", tag="two"):
    count: float
    maybe: int = 0


_decoder = msgspec.json.Decoder(One | Two | list[int])


def both(document: bytes) -> Any:
    value = decoding.decode(_decoder, document)
    again, _ = jsons.read(_decoder, document, "BAD")
    assert again == value
    return value


def one(members: bytes) -> One:
    return both(b'{"format":"one",%b}' % members)


def refused(document: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidArgument) as gateway:
        decoding.decode(_decoder, document)
    with pytest.raises(InvalidArgument) as service:
        jsons.decode(_decoder, document, "BAD")
    assert gateway.value.metadata["path"] == service.value.metadata["path"]
    return gateway.value.metadata["path"], gateway.value.summary


@st.composite
def spelled(draw: st.DrawFn) -> tuple[int, bytes]:
    """An integer of 64 bits and a decimal that is the same number."""
    number = draw(st.integers(-(2**63), 2**63 - 1))
    digits, moved = str(abs(number)), draw(st.integers(0, 25))
    digits = digits.rjust(moved + 1, "0")
    cut = len(digits) - moved
    sign = "-" if number < 0 else ""
    zeros = draw(st.sampled_from(["0", "", "000"]))
    fraction = f".{digits[cut:]}{zeros}".rstrip(".")
    power = f"{draw(st.sampled_from('eE'))}{draw(st.sampled_from(['', '+']))}{moved}"
    return number, f"{sign}{digits[:cut]}{fraction}{power}".encode()


@given(spelled())
def test_a_decimal_that_is_whole_is_that_integer(both_spellings: tuple[int, bytes]) -> None:
    number, decimal = both_spellings
    assert one(b'"count":%b' % decimal).count == number


@pytest.mark.parametrize(
    ("decimal", "number"),
    [(b"25.0", 25), (b"1e3", 1000), (b"-0.0", 0), (b"12000e-3", 12), (b"9007199254740993.0", 2**53 + 1)],
)
def test_it_is_exact_and_an_integer(decimal: bytes, number: int) -> None:
    count = one(b'"count":%b' % decimal).count
    assert (type(count), count) == (int, number)


def test_every_place_of_an_integer_is_corrected_and_no_other() -> None:
    document = (
        b'{"format":"one","count":1.0,"maybe":2.0,"many":[{"numbers":[3.0,4]},{"numbers":[5,6e0]}],'
        b'"named":{"a.b":7.0,"c":8},"share":9.0,"either":1.0,"label":"1.0","x":[1.0,1e400],"later":{"y":1.0}}'
    )
    value, corrected = jsons.read(_decoder, document, "BAD")
    assert isinstance(value, One)
    assert (value.count, value.maybe, value.named) == (1, 2, {"a.b": 7, "c": 8})
    assert value.many == [Inner([3, 4]), Inner([5, 6])]
    assert (type(value.share), type(value.either)) == (float, float)
    assert corrected == (
        b'{"format":"one","count":1,"maybe":2,"many":[{"numbers":[3,4]},{"numbers":[5,6]}],'
        b'"named":{"a.b":7,"c":8},"share":9.0,"either":1.0,"label":"1.0","x":[1.0,1e400],"later":{"y":1.0}}'
    )


def test_the_tag_tells_which_members_are_integers() -> None:
    value = both(b'{"maybe":2.0,"count":3.0,"format":"two"}')
    assert (value, type(value.count)) == (Two(3.0, 2), float)


def test_ten_thousand_are_corrected_at_once() -> None:
    assert both(b"[%b]" % b",".join([b"1.0"] * 10_000)) == [1] * 10_000


def test_a_document_without_them_is_the_one_that_came() -> None:
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
def test_anything_else_stays_refused_as_it_was(members: bytes, path: str) -> None:
    assert refused(b'{"format":"one",%b}' % members)[0] == path


def test_what_is_refused_is_told_as_it_was_sent() -> None:
    _, told = refused(b'{"format":"one","count":1.5}')
    assert told == "$.count: expected a whole number, got a decimal number"
