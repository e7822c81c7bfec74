import subprocess
import sys

import pytest

from client.local.errors import CannotRun
from client.local.settings import LocalSettings
from client.local.storage.addresses import StorageAddresses, storage_addresses
from tests.support.processes.programs import needed

# Prints the address of a machine whose network has one, and then of one without a network.
ON_NETWORKS = """
from client.local.errors import CannotRun
from client.local.storage.addresses import address_on_the_network
import subprocess
try:
    print(address_on_the_network())
except CannotRun as error:
    print(error)
for command in ("link set lo up", "addr add 198.51.100.7/24 dev lo",
                "route add 192.0.2.0/24 dev lo src 198.51.100.7"):
    subprocess.run(["ip", *command.split()], check=True)
print(address_on_the_network())
"""


def addresses(**env: str) -> StorageAddresses:
    return storage_addresses(LocalSettings.from_env(env), 8333)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_storage_is_on_loopback_as_the_gateway_is(host: str) -> None:
    url = "http://127.0.0.1:8333"
    assert addresses(TAMS_GATEWAY_HOST=host) == StorageAddresses("127.0.0.1", url, url)


def test_storage_listens_where_the_gateway_does() -> None:
    url = "http://192.0.2.7:8333"
    assert addresses(TAMS_GATEWAY_HOST="192.0.2.7") == StorageAddresses("192.0.2.7", url, url)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_parts_reach_storage_on_loopback_if_it_listens_everywhere(host: str) -> None:
    found = addresses(TAMS_GATEWAY_HOST=host, TAMS_S3_PUBLIC_URL="https://media.example/")
    assert found == StorageAddresses("0.0.0.0", "http://127.0.0.1:8333", "https://media.example")


def test_storage_may_stay_on_loopback_behind_a_proxy() -> None:
    found = addresses(
        TAMS_GATEWAY_HOST="0.0.0.0", TAMS_S3_HOST="127.0.0.1", TAMS_S3_PUBLIC_URL="https://media.example"
    )
    assert found == StorageAddresses("127.0.0.1", "http://127.0.0.1:8333", "https://media.example")


@pytest.mark.parametrize("host", ["tams.example", "fd00::7"])
def test_a_host_that_storage_cannot_use_is_an_error(host: str) -> None:
    with pytest.raises(CannotRun, match="set TAMS_S3_HOST to one"):
        addresses(TAMS_GATEWAY_HOST=host)


@needed("unshare")
@needed("ip")
def test_clients_get_the_address_of_the_machine_on_its_network() -> None:
    command = ("unshare", "--map-root-user", "--net", sys.executable, "-c", ON_NETWORKS)
    if subprocess.run([*command[:3], "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network of its own is permitted here")
    without, address = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert without.startswith(
        "cannot find the address of this machine on its network; set TAMS_S3_PUBLIC_URL"
    )
    assert address == "198.51.100.7"
