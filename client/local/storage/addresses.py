"""The addresses of local object storage: where it listens, and where the parts and the clients reach it."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from client.local.errors import CannotRun
from client.local.names import S3_HOST, S3_PUBLIC_URL
from client.local.settings import LocalSettings

LOOPBACK: Final = "127.0.0.1"
EVERY: Final = "0.0.0.0"  # noqa: S104 - compared, and only bound if the user says so
# Hosts of the gateway that are every address, or loopback.
_EVERY: Final = (EVERY, "::", "[::]")
_LOOPBACK: Final = (LOOPBACK, "localhost", "::1", "[::1]")
# An address of documentation. Nothing is sent to it.
_ELSEWHERE: Final = ("192.0.2.1", 9)


@dataclass(frozen=True)
class StorageAddresses:
    """`host` is the address to listen on, `endpoint` the URL for parts, `public` the one for clients."""

    host: str
    endpoint: str
    public: str

    @property
    def internal(self) -> str:
        """The address at which the parts of this machine reach object storage."""
        return LOOPBACK if self.host == EVERY else self.host


def storage_addresses(settings: LocalSettings, port: int) -> StorageAddresses:
    """The addresses of object storage on this machine.

    Where the gateway listens beyond loopback, object storage does too, as clients get its URLs. CannotRun if
    it is not known at which address they can reach it.
    """
    host = _host(settings.gateway_host, settings.storage)
    given = settings.storage.get(S3_PUBLIC_URL)
    endpoint = f"http://{LOOPBACK if host == EVERY else host}:{port}"
    if given or host != EVERY:
        return StorageAddresses(host, endpoint, given.rstrip("/") if given else endpoint)
    return StorageAddresses(host, endpoint, f"http://{address_on_the_network()}:{port}")


def is_every_address(host: str) -> bool:
    """True if a server with this host listens on all addresses of the machine."""
    return host in _EVERY


def address_on_the_network() -> str:
    """The address of this machine from which it reaches others. CannotRun if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            address = str(probe.getsockname()[0])
        except OSError:
            address = LOOPBACK
    if ipaddress.ip_address(address).is_loopback:
        raise CannotRun(
            f"cannot find the address of this machine on its network; set {S3_PUBLIC_URL} to the URL at which"
            " clients reach object storage, such as http://192.168.1.5:8333"
        )
    return address


def _host(gateway_host: str, given: Mapping[str, str]) -> str:
    host = given.get(S3_HOST) or gateway_host
    if host in _EVERY:
        return EVERY
    if host in _LOOPBACK:
        return LOOPBACK
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise CannotRun(f"object storage needs an IPv4 address; set {S3_HOST} to one, not {host}") from None
