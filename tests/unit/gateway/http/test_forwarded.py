"""Forwarding headers of trusted proxies, and forged entries of clients before them."""

import pytest

from gateway.http.forwarded import Entry, Forwarded
from gateway.http.rsgi import Headers
from gateway.settings import ForwardedHeader


def headers_of(*headers: str) -> Headers:
    parts = (header.split(": ", 1) for header in headers)
    return Headers([(name.encode(), value.encode()) for name, value in parts])


def entry(*headers: str, family: ForwardedHeader = "any", count: int = 1) -> Entry:
    return Forwarded(family, count).entry(headers_of(*headers))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host=b;proto=https", Entry("b", "https")),
        ("HOST=b ; Proto=HTTPS", Entry("b", "https")),
        ('for="[2001:db8::1]:99";host="[2001:db8::2]:8443"', Entry("[2001:db8::2]:8443")),
        ('host="a\\.b"', Entry("a.b")),
        ('for="a, b; host=evil";host=b', Entry("b")),
        ("host=evil, host=b", Entry("b")),
        ("host=evil, for=1.2.3.4", Entry()),
        (", ,host=b,, ", Entry("b")),
        (";host=b;;proto=http;", Entry("b", "http")),
        # Against the grammar: the whole header is ignored.
        ("host=b;host=c", Entry()),
        ("host=[::1]", Entry()),
        ("host=b c", Entry()),
        ("host = b", Entry()),
        ('host="b', Entry()),
        ("host", Entry()),
        ("host=", Entry()),
        ("host=a, host=b=c", Entry()),
        # Well formed, but neither a host nor a scheme.
        ('host="a,b";proto=gopher', Entry()),
        ('host="a>; rel=x";proto=https', Entry("", "https")),
    ],
)
def test_forwarded_is_read_as_in_rfc_7239(text: str, expected: Entry) -> None:
    assert entry(f"forwarded: {text}") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["x-forwarded-host: evil, b"], Entry("b")),
        (["x-forwarded-host: evil", "x-forwarded-host: b"], Entry("b")),
        (["x-forwarded-host: b, ,", "x-forwarded-proto: http,https"], Entry("b", "https")),
        (["x-forwarded-host: [::1]:81"], Entry("[::1]:81")),
        (["x-forwarded-host: b:99999", "x-forwarded-proto: ftp"], Entry()),
        (["x-forwarded-host: a;b", "x-forwarded-prefix: /tams"], Entry(prefix="/tams")),
        (["x-forwarded-prefix: //evil"], Entry()),
        ([f"x-forwarded-prefix: /{'a' * 256}"], Entry()),
    ],
)
def test_the_last_entry_of_x_forwarded_counts(headers: list[str], expected: Entry) -> None:
    assert entry(*headers) == expected


def test_forwarded_and_x_forwarded_are_never_mixed() -> None:
    evil = "forwarded: host=evil;proto=https"
    assert entry(evil, "x-forwarded-proto: http") == Entry("", "http")
    assert entry(evil, "x-forwarded-host: b") == Entry("b")
    assert entry(evil, family="x-forwarded") == Entry()
    assert entry("x-forwarded-host: evil", "forwarded: host=b", family="forwarded") == Entry("b")
    assert entry("x-forwarded-host: evil", family="forwarded") == Entry()


@pytest.mark.parametrize(("count", "host"), [(1, "c"), (2, "b"), (3, "evil"), (9, "evil")])
def test_the_number_of_trusted_proxies_selects_the_entry(count: int, host: str) -> None:
    assert entry("x-forwarded-host: evil, b, c", count=count).host == host
    assert entry("forwarded: host=evil, host=b, host=c", count=count).host == host


def test_a_list_shorter_than_the_number_of_proxies_counts() -> None:
    assert entry("x-forwarded-host: b", count=3).host == "b"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["x-forwarded-for: 203.0.113.9, 192.0.2.1"], "192.0.2.1"),
        (["x-forwarded-for: 203.0.113.9", "x-forwarded-for: 192.0.2.1:4711"], "192.0.2.1"),
        (["x-forwarded-for: 2001:db8::1"], "2001:db8::1"),
        (["x-forwarded-for: [2001:db8::1]:4711"], "2001:db8::1"),
        (['forwarded: for=203.0.113.9, for="[2001:db8::1]:4711";proto=https'], "2001:db8::1"),
        (["forwarded: for=192.0.2.1"], "192.0.2.1"),
        # The client wrote Forwarded.
        (["x-forwarded-for: 192.0.2.1", "forwarded: for=203.0.113.9"], "192.0.2.1"),
        (["x-forwarded-host: a", "forwarded: for=203.0.113.9"], None),
        # No address.
        (["x-forwarded-for: unknown"], None),
        (["x-forwarded-for: store.example"], None),
        (["x-forwarded-for: "], None),
        (["forwarded: for=_hidden"], None),
        (["forwarded: proto=https"], None),
        (["forwarded: for=a b"], None),
        ([], None),
    ],
)
def test_the_address_is_the_one_that_the_outermost_trusted_proxy_saw(
    headers: list[str], expected: str | None
) -> None:
    assert Forwarded().address(headers_of(*headers)) == expected


def test_the_address_is_read_from_the_headers_of_the_proxy_alone() -> None:
    both = headers_of("x-forwarded-for: 203.0.113.9", "forwarded: for=192.0.2.1")
    assert Forwarded("forwarded").address(both) == "192.0.2.1"
    assert Forwarded("x-forwarded").address(both) == "203.0.113.9"


def test_the_address_before_a_chain_of_proxies_is_that_of_the_client() -> None:
    headers = headers_of("x-forwarded-for: 198.51.100.1, 203.0.113.9, 192.0.2.1")
    assert Forwarded(count=2).address(headers) == "203.0.113.9"
    assert Forwarded(count=5).address(headers) == "198.51.100.1"
