import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.http.wire import sockets

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the state of sockets")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def connection(listener: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    with client, server:
        yield client, server


def accepted_by(listener: socket.socket) -> list[sockets.Accepted]:
    return list(sockets.accepted(listener.getsockname()[1]))


def test_only_connections_to_the_port_are_found(
    listener: socket.socket, connection: tuple[socket.socket, socket.socket]
) -> None:
    client, server = connection
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_connection(other.getsockname()):
        (accepted,) = accepted_by(listener)
    assert accepted.descriptor == server.fileno()
    host, port = client.getsockname()
    assert accepted.client == f"{host} {port}"


def test_bytes_that_the_client_has_not_read_are_known(
    listener: socket.socket, connection: tuple[socket.socket, socket.socket]
) -> None:
    client, server = connection
    assert (accepted_by(listener)[0].read_bytes, accepted_by(listener)[0].has_unread) == (0, False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.setblocking(False)
    sent = server.send(b"x" * 4_000_000)
    accepted = accepted_by(listener)[0]
    assert accepted.has_unread
    assert accepted.read_bytes < sent


def test_no_connection_is_found_if_the_system_has_too_few_fields(
    listener: socket.socket, connection: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_INFO", struct.Struct("=24x I 16x I 4x I 64x Q 16x I 4096x"))
    assert accepted_by(listener) == []


def test_only_the_reset_connection_ends(
    listener: socket.socket, connection: tuple[socket.socket, socket.socket]
) -> None:
    client, _ = connection
    with socket.create_connection(listener.getsockname()) as other, listener.accept()[0] as other_server:
        first, second = accepted_by(listener)
        sockets.reset(first)
        sockets.reset(second._replace(client="127.0.0.1 1"))
        assert client.recv(1) == b""
        other_server.send(b"x")
        assert other.recv(1) == b"x"


def test_file_locks_survive_a_search_for_connections(
    listener: socket.socket, connection: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path = tmp_path / "locked"
    path.touch()
    descriptor = os.open(path, os.O_RDWR)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    assert accepted_by(listener)
    code = f"import fcntl; fcntl.lockf(open({str(path)!r}, 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 1
    os.close(descriptor)


def test_the_limit_of_open_files_is_raised_to_the_maximum() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300));"
        "from gateway.http.wire import sockets; print(sockets.connection_capacity())"
    )
    room = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 100 < room < 300
