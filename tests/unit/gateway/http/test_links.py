"""Links, which clients split at commas and semicolons, and of which they remove the base."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.forwarded import Forwarded
from gateway.http.links import Links
from gateway.http.paging import Paging
from gateway.http.query import Query
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.routing import Route
from tests.support.requests import bodiless, scope_of


async def handler(request: Request, object_id: str) -> Response:
    raise AssertionError("never called")


ROUTE = Route("/objects/{objectId...}", get=handler)


def a_request(params: Sequence[str] = ("x",), scheme: str = "http", **headers: str) -> Request:
    return bodiless(scope_of(headers, scheme=scheme), ROUTE, params)


def links(public_url: str = "", *, forwarded: Forwarded | None = None) -> Links:
    return Links(public_url, fallback_host="127.0.0.1:8000", forwarded=forwarded)


# Short enough that the query is not shortened.
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=10), st.text(max_size=10)), max_size=6),
    st.text(min_size=1, max_size=50),
)
def test_a_link_keeps_the_query_and_has_no_separators(pairs: list[tuple[str, str]], object_id: str) -> None:
    query = Query("")
    query.pairs = pairs
    url = links("https://a.example/tams").next_page(a_request([object_id]), query, "KEY-_0")
    assert not set(url) & set(",;<>\" '")
    parts = urlsplit(url)
    assert parts.path.startswith("/tams/objects/")
    assert parts.path.count("/") == 3
    kept = [pair for pair in pairs if pair[0] not in ("page", "access_token")]
    parsed = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=None)
    assert parsed == [*kept, ("page", "KEY-_0")]


@pytest.mark.parametrize(
    ("request_", "base"),
    [
        (a_request(host="a.example:81"), "http://a.example:81"),
        (a_request(host="[::1]:8000"), "http://[::1]:8000"),
        (a_request(scheme="https", host="a.example"), "https://a.example"),
        (a_request(), "http://127.0.0.1:8000"),
        (a_request(host="a", x_forwarded_host="evil"), "http://a"),
    ],
)
def test_the_base_is_the_host_of_the_request_without_a_public_url(request_: Request, base: str) -> None:
    assert links().base(request_) == base


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, "http://a"),
        ({"x_forwarded_proto": "https"}, "https://a"),
        ({"x_forwarded_proto": "http, https", "x_forwarded_host": "b, c"}, "https://c"),
        ({"x_forwarded_prefix": "/tams/v7"}, "http://a/tams/v7"),
        ({"x_forwarded_prefix": "/tams;x"}, "http://a"),
        ({"x_forwarded_prefix": "https://evil"}, "http://a"),
        ({"forwarded": "HOST=b;Proto=https"}, "https://b"),
        ({"forwarded": 'host="b:8"'}, "http://b:8"),
        ({"forwarded": "nonsense", "x_forwarded_proto": "ftp"}, "http://a"),
    ],
)
def test_the_base_is_from_the_headers_of_a_trusted_proxy(headers: dict[str, str], base: str) -> None:
    assert links(forwarded=Forwarded()).base(a_request(host="a", **headers)) == base


def test_only_the_last_page_has_no_next_link() -> None:
    paging = Paging(links("https://a"))
    middle = dict(paging.headers(a_request(), Query("limit=5"), limit=5, next_token="k"))
    assert middle == {
        "x-paging-limit": "5",
        "x-paging-nextkey": "k",
        "link": '<https://a/objects/x?limit=5&page=k>; rel="next"',
    }
    assert paging.headers(a_request(), Query(""), limit=7, next_token="") == [("x-paging-limit", "7")]
