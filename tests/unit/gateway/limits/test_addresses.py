"""The addresses by which requests are counted."""

import pytest

from gateway.http.forwarded import Forwarded
from gateway.http.routing import Route
from gateway.limits.addresses import ClientAddresses, network_of
from tests.support.requests import bodiless, scope_of


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
    ],
)
def test_ipv6_addresses_of_one_network_count_as_one(text: str, network: str) -> None:
    assert network_of(text) == network


def test_the_reported_address_counts_if_proxies_are_trusted() -> None:
    request = bodiless(scope_of({"x_forwarded_for": "203.0.113.9, 192.0.2.1"}), Route("/"))
    assert ClientAddresses(None).of(request) == "127.0.0.1"
    assert ClientAddresses(Forwarded()).of(request) == "192.0.2.1"
    assert ClientAddresses(Forwarded(count=2)).of(request) == "203.0.113.9"


def test_the_peer_counts_if_no_address_is_reported() -> None:
    for headers in ({}, {"x_forwarded_for": "unknown"}, {"forwarded": "for=_hidden"}):
        request = bodiless(scope_of(headers), Route("/"))
        assert ClientAddresses(Forwarded()).of(request) == "127.0.0.1"
