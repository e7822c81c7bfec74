import socket
from collections.abc import Iterator

import pytest

from client.local import ports
from client.local.errors import CannotRun
from client.local.settings import PORTS, S3_ADMIN_PORT
from tests.support.ports import free_ports


@pytest.fixture
def gateway() -> dict[str, int]:
    (port,) = free_ports(1)
    return {"TAMS_GATEWAY_PORT": port}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_every_part_gets_a_port_of_its_own_below_those_the_kernel_gives_out(gateway):
    chosen = ports.choose(gateway, {})

    assert set(chosen) == set(PORTS)
    assert len({*chosen.values(), chosen[S3_ADMIN_PORT] + ports.ADMIN_GRPC_OFFSET}) == len(PORTS) + 1
    assert all(20_000 <= port < 32_000 for name, port in chosen.items() if name not in gateway)


def test_ports_of_last_time_are_kept_while_they_are_free(gateway, tmp_path):
    chosen = ports.choose(gateway, {})
    ports.remember(tmp_path / "ports.json", chosen)

    assert ports.choose(gateway, ports.remembered(tmp_path / "ports.json")) == chosen


def test_a_port_of_last_time_that_is_taken_now_is_replaced(gateway, taken):
    assert ports.choose(gateway, {"TAMS_S3_PORT": taken})["TAMS_S3_PORT"] != taken


def test_a_port_of_last_time_gives_way_to_one_that_is_asked_for(gateway):
    last = {"TAMS_MEDIA_PORT": gateway["TAMS_GATEWAY_PORT"]}

    assert ports.choose(gateway, last)["TAMS_MEDIA_PORT"] != gateway["TAMS_GATEWAY_PORT"]


def test_a_port_asked_for_that_is_taken_is_one_line(gateway, taken):
    with pytest.raises(CannotRun, match=f"^port {taken} is taken; set TAMS_S3_PORT to another one$"):
        ports.choose({**gateway, "TAMS_S3_PORT": taken}, {})


def test_one_port_asked_for_twice_is_one_line(gateway):
    port = gateway["TAMS_GATEWAY_PORT"]

    with pytest.raises(CannotRun, match=f"^TAMS_GATEWAY_PORT and TAMS_S3_PORT are both {port}$"):
        ports.choose({**gateway, "TAMS_S3_PORT": port}, {})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"TAMS_S3_PORT": "x"}'])
def test_a_spoilt_file_of_ports_is_no_more_than_forgotten(tmp_path, text):
    (tmp_path / "ports.json").write_text(text)

    assert ports.remembered(tmp_path / "ports.json") == {}


@pytest.mark.parametrize("port", [-1, 0, 70_000, 60_000])
def test_ports_nobody_could_listen_on_are_not_kept(gateway, port):
    # 60000 and the offset of SeaweedFS are above the highest port.
    chosen = ports.choose(gateway, {S3_ADMIN_PORT: port, "TAMS_S3_PORT": -1})

    assert chosen[S3_ADMIN_PORT] != port
    assert chosen["TAMS_S3_PORT"] > 0
