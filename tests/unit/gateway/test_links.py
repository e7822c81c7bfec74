"""Links as clients take them apart: the base cut off the front, split on commas and semicolons."""

from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.links import Links
from gateway.http.paging import Paging
from gateway.http.query import Query
from gateway.http.requests import Request
from gateway.http.routing import Route


async def handler(request, object_id):
    raise AssertionError("never called")


ROUTE = Route("/objects/{objectId...}", get=handler)


def a_request(params=("x",), scheme="http", authority=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = SimpleNamespace(headers=headers, query_string="", scheme=scheme, authority=authority)
    return Request(scope, None, ROUTE, list(params))


def links(public_url="", *, trust_forwarded=False):
    return Links(public_url, trust_forwarded=trust_forwarded, fallback_host="127.0.0.1:8000")


@given(st.lists(st.tuples(st.text(min_size=1), st.text())), st.text(min_size=1))
def test_a_link_keeps_the_query_and_splits_cleanly(pairs, object_id):
    query = Query("")
    query.pairs = pairs
    url = links("https://a.example/tams").next_page(a_request([object_id]), query, "KEY-_0")
    assert not set(url) & set(",;<>\" '")
    parts = urlsplit(url)
    assert parts.path.startswith("/tams/objects/")
    assert parts.path.count("/") == 3
    kept = [pair for pair in pairs if pair[0] not in ("page", "access_token")]
    given_back = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=None)
    assert given_back == [*kept, ("page", "KEY-_0")]


@pytest.mark.parametrize(
    ("request_", "base"),
    [
        (a_request(host="a.example:81"), "http://a.example:81"),
        (a_request(host="[::1]:8000"), "http://[::1]:8000"),
        (a_request(scheme="https", authority="b.example", host="a.example"), "https://b.example"),
        (a_request(), "http://127.0.0.1:8000"),
        (a_request(host="a,b"), "http://127.0.0.1:8000"),
        (a_request(host="a>; rel=x"), "http://127.0.0.1:8000"),
        (a_request(host="a", x_forwarded_host="evil"), "http://a"),
    ],
)
def test_without_a_public_url_the_host_of_the_request_counts(request_, base):
    assert links().base(request_) == base


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, "http://a"),
        ({"x_forwarded_proto": "https"}, "https://a"),
        ({"x_forwarded_proto": "https, http", "x_forwarded_host": "b, c"}, "https://b"),
        ({"x_forwarded_prefix": "/tams/v7"}, "http://a/tams/v7"),
        ({"x_forwarded_prefix": "/tams,x;y"}, "http://a/tams"),
        ({"x_forwarded_prefix": "https://evil"}, "http://a"),
        ({"forwarded": "HOST=b;Proto=https"}, "https://b"),
        ({"forwarded": 'host="b:8"'}, "http://b:8"),
        ({"forwarded": "nonsense", "x_forwarded_proto": "ftp"}, "http://a"),
    ],
)
def test_a_trusted_proxy_tells_where_clients_came_in(headers, base):
    assert links(trust_forwarded=True).base(a_request(host="a", **headers)) == base


def test_paging_headers_of_a_page_in_the_middle_and_of_the_last():
    paging = Paging(links("https://a"))
    middle = dict(paging.headers(a_request(), Query("limit=5"), limit=5, next_token="k"))
    assert middle == {
        "x-paging-limit": "5",
        "x-paging-nextkey": "k",
        "link": '<https://a/objects/x?limit=5&page=k>; rel="next"',
    }
    assert paging.headers(a_request(), Query(""), limit=7, next_token="") == [("x-paging-limit", "7")]
