from ipaddress import ip_address

import pytest

from services.shared.addresses import Addresses
from services.shared.errors import InvalidArgument, StartupError

INTERNAL = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_forbidden(address: str) -> None:
    assert not Addresses().allows(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert Addresses().allows(ip_address(address))


def test_only_the_listed_internal_networks_are_allowed() -> None:
    addresses = Addresses.parse("127.0.0.0/8, fd00::/8,")
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "fd12::1"):
        assert addresses.allows(ip_address(address))
    for address in ("10.0.0.1", "169.254.169.254", "fc00::1"):
        assert not addresses.allows(ip_address(address))


@pytest.mark.parametrize("text", ["everything", "127.0.0.1/8", "10.0.0.0/33"])
def test_a_malformed_list_stops_the_start(text: str) -> None:
    with pytest.raises(StartupError, match="list of networks"):
        Addresses.parse(text)


def test_an_empty_list_allows_no_internal_address() -> None:
    assert not Addresses.parse("").allows(ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1.", "127.1", "0x7f000001", "0X7F.1", "0177.0.0.1", "2130706433", "0"),
        *("localhost", "LOCALHOST.", "some.localhost", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]"),
        *("169.254.169.254", "\uff11\uff12\uff17.0.0.1"),
    ],
)
def test_a_url_with_a_forbidden_address_is_refused_in_any_notation(host: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Addresses().check_url(f"http://{host}:8080/hook")
    assert caught.value.reason == "BAD_WEBHOOK"
    assert caught.value.metadata["path"] == "$.url"


@pytest.mark.parametrize(
    "host", ["example.com", "8.8.8.8", "[2606:4700::1111]", "face.example", "127.0.0.1.example.com"]
)
def test_a_url_with_a_host_name_is_accepted_unresolved(host: str) -> None:
    Addresses().check_url(f"https://user@{host}/hook")
