from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.query import MAX_LIMIT, MAX_PARAMETERS, Query
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=20))
def test_pairs_are_decoded_from_any_encoding(pairs: list[tuple[str, str]]) -> None:
    for encode in (quote, quote_plus):
        raw = "&".join(f"{encode(name, safe='')}={encode(value, safe='')}" for name, value in pairs)
        assert Query(raw).pairs == pairs


def test_raw_brackets_and_colons_are_read() -> None:
    assert Query("timerange=[0:0_10:0)").timerange() == TimeRange(0, 10_000_000_000)


def test_unknown_parameters_may_repeat() -> None:
    query = Query("_t=1&_t=2&label=x")
    assert query.text("label") == "x"
    with pytest.raises(InvalidArgument):
        query.text("_t")


@pytest.mark.parametrize("raw", ["", "&", "&&", "other=1"])
def test_absent_parameters_have_no_value(raw: str) -> None:
    query = Query(raw)
    assert (query.text("a"), query.flag("a"), query.number("a"), query.uuid("a")) == (None,) * 4
    assert (query.words("a"), query.timerange("a"), query.choice("a", ["x"])) == (None,) * 3
    assert (query.limit(), query.page(), query.named("tag.")) == (0, "", {})


def test_empty_parameters_have_empty_values() -> None:
    query = Query("a=&b")
    assert (query.text("a"), query.text("b"), query.words("a"), query.timerange("a")) == ("", "", [], None)


def test_named_parameters_keep_dots_and_any_text() -> None:
    query = Query("tag.a.b=1&tag.=2&tag.c%2Fd=%C3%A9&tag_exists.x=true&tag_exists.y=false")
    assert query.named("tag.") == {"a.b": "1", "": "2", "c/d": "é"}
    assert query.named_flags("tag_exists.") == {"x": True, "y": False}


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("a=1&a=2", lambda query: query.text("a")),
        ("tag.x=1&tag.x=1", lambda query: query.named("tag.")),
        ("a=True", lambda query: query.flag("a")),
        ("a=", lambda query: query.flag("a")),
        ("tag_exists.x=", lambda query: query.named_flags("tag_exists.")),
        ("a=1.0", lambda query: query.number("a")),
        ("a=-1", lambda query: query.number("a")),
        ("a=+1", lambda query: query.number("a")),
        ("a=%D9%A1", lambda query: query.number("a")),
        ("limit=0", lambda query: query.limit()),
        ("a=x", lambda query: query.uuid("a")),
        ("a=x", lambda query: query.choice("a", ["y"])),
        ("a=x,,y", lambda query: query.words("a")),
        ("a=,", lambda query: query.words("a")),
        ("a=" + "x," * MAX_PARAMETERS + "x", lambda query: query.words("a")),
        ("timerange=x", lambda query: query.timerange()),
    ],
)
def test_malformed_values_are_refused(raw: str, read: Callable[[Query], object]) -> None:
    query = Query(raw)
    with pytest.raises(InvalidArgument) as caught:
        read(query)
    assert caught.value.reason in ("BAD_QUERY", "BAD_TIMERANGE")


@pytest.mark.parametrize("raw", ["a=%FF", "%C3=1", "&".join("a" * (MAX_PARAMETERS + 1))])
def test_malformed_queries_are_refused(raw: str) -> None:
    with pytest.raises(InvalidArgument):
        Query(raw)


@pytest.mark.parametrize("raw", ["a=%", "a=%zz", "a=100%"])
def test_a_percent_sign_that_encodes_nothing_is_kept(raw: str) -> None:
    assert Query(raw).text("a") == raw.removeprefix("a=")


@pytest.mark.parametrize("digits", [18, 19, 5000])
def test_a_huge_limit_is_clamped_to_an_int32(digits: int) -> None:
    assert Query("limit=" + "9" * digits).limit() == MAX_LIMIT


def test_a_huge_number_is_clamped_to_an_int64() -> None:
    assert Query("a=" + "9" * 5000).number("a") == 10**18
