import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local import ports
from client.local.errors import CannotRun
from client.local.names import PORTS, S3_ADMIN_PORT
from tests.support.processes.ports import free_ports


@pytest.fixture
def gateway() -> dict[str, int]:
    (port,) = free_ports(1)
    return {"TAMS_GATEWAY_PORT": port}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_each_part_has_its_own_port_below_the_ephemeral_ones(gateway: dict[str, int]) -> None:
    chosen = ports.choose(gateway, {})

    assert set(chosen) == set(PORTS)
    assert len({*chosen.values(), chosen[S3_ADMIN_PORT] + ports.ADMIN_GRPC_OFFSET}) == len(PORTS) + 1
    assert all(20_000 <= port < 32_000 for name, port in chosen.items() if name not in gateway)


def test_ports_of_the_last_start_are_kept_while_they_are_free(
    gateway: dict[str, int], tmp_path: Path
) -> None:
    chosen = ports.choose(gateway, {})
    ports.remember(tmp_path / "ports.json", chosen)

    assert ports.choose(gateway, ports.remembered(tmp_path / "ports.json")) == chosen


def test_a_taken_port_of_the_last_start_is_replaced(gateway: dict[str, int], taken: int) -> None:
    assert ports.choose(gateway, {"TAMS_S3_PORT": taken})["TAMS_S3_PORT"] != taken


def test_a_port_of_the_last_start_is_replaced_if_it_is_requested_for_another_part(
    gateway: dict[str, int],
) -> None:
    last = {"TAMS_MEDIA_PORT": gateway["TAMS_GATEWAY_PORT"]}

    assert ports.choose(gateway, last)["TAMS_MEDIA_PORT"] != gateway["TAMS_GATEWAY_PORT"]


def test_a_requested_port_that_is_taken_is_an_error_of_one_line(gateway: dict[str, int], taken: int) -> None:
    with pytest.raises(CannotRun, match=f"^port {taken} is taken; set TAMS_S3_PORT to another port$"):
        ports.choose({**gateway, "TAMS_S3_PORT": taken}, {})


def test_a_port_that_is_requested_twice_is_an_error(gateway: dict[str, int]) -> None:
    port = gateway["TAMS_GATEWAY_PORT"]

    with pytest.raises(CannotRun, match=f"^TAMS_GATEWAY_PORT and TAMS_S3_PORT are both {port}; set one"):
        ports.choose({**gateway, "TAMS_S3_PORT": port}, {})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"TAMS_S3_PORT": "x"}'])
def test_a_malformed_file_of_ports_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)

    assert ports.remembered(tmp_path / "ports.json") == {}


@pytest.mark.parametrize("port", [-1, 0, 70_000, 60_000])
def test_impossible_ports_are_not_kept(gateway: dict[str, int], port: int) -> None:
    # 60000 and the offset of SeaweedFS are above the highest port.
    chosen = ports.choose(gateway, {S3_ADMIN_PORT: port, "TAMS_S3_PORT": -1})

    assert chosen[S3_ADMIN_PORT] != port
    assert chosen["TAMS_S3_PORT"] > 0


def test_further_processes_have_their_own_ports_which_are_kept(tmp_path: Path) -> None:
    names = (*PORTS, "TAMS_METADATA_2_PORT", "TAMS_METADATA_3_PORT")
    requested = {"TAMS_GATEWAY_PORT": free_ports(1)[0]}
    chosen = ports.choose(requested, {}, names)
    assert len(set(chosen.values())) == len(names)
    ports.remember(tmp_path / "ports", chosen)
    assert ports.choose(requested, ports.remembered(tmp_path / "ports"), names) == chosen
