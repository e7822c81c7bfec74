import base64
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import InvalidArgument
from services.shared.paging import decode_token, encode_token, page_size


@given(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text()))
def test_a_key_survives_its_token(key: tuple[int, str]) -> None:
    assert decode_token(encode_token("segments", key), "segments", tuple[int, str]) == key


@given(st.text())
def test_a_token_needs_no_escaping(key: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", encode_token("flows", key))


def test_an_empty_token_has_no_key() -> None:
    assert decode_token("", "flows", str) is None


def test_a_token_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_token(encode_token("flows", "key"), "sources", str)
    assert caught.value.reason == "BAD_PAGE_TOKEN"


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.decode("latin-1")))
def test_any_other_text_is_refused_as_a_token(text: str) -> None:
    with pytest.raises(InvalidArgument):
        decode_token(text, "segments", tuple[int, str])


@given(st.data())
def test_an_altered_token_has_a_key_of_the_type_or_is_refused(data: st.DataObject) -> None:
    token = encode_token("segments", (5, "key"))
    position = data.draw(st.integers(0, len(token) - 1))
    altered = token[:position] + data.draw(st.characters(max_codepoint=0x2FFF)) + token[position + 1 :]
    try:
        key = decode_token(altered, "segments", tuple[int, str])
    except InvalidArgument:
        return
    assert isinstance(key, tuple)


@pytest.mark.parametrize("key", [None, "text", 1.5, [1], [1, 2], ["1", "2"], {"a": 1}, b"raw"])
def test_a_key_of_another_type_is_refused(key: object) -> None:
    with pytest.raises(InvalidArgument):
        decode_token(encode_token("segments", key), "segments", tuple[int, str])


def test_a_deeply_nested_token_is_refused() -> None:
    raw = b"\x92" + msgspec.msgpack.encode("segments") + b"\x91" * 100_000
    token = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    with pytest.raises(InvalidArgument):
        decode_token(token, "segments", tuple[int, str])


@given(st.integers(-5, 2000))
def test_page_sizes_stay_within_their_bounds(requested: int) -> None:
    size = page_size(requested, default=30, maximum=1000)
    assert size == (30 if requested <= 0 else min(requested, 1000))
