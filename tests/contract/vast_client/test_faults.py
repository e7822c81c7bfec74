"""The faults that the protocol server can be set to, and the options of its clusters."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected

import httpx
import pytest

from simulators.vast.control import running_control
from simulators.vast.endpoints.faults import (
    Fault,
    dropped,
    hung,
    lost_reply,
    refused,
    reset_after,
    reset_before,
    slow,
    stopped,
)
from simulators.vast.server import Options, Server, running_server

SECONDS = 10


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server(Options(ports=(0, 0))) as running:
        yield running


def send_request(server: Server, method: str = "POST", txid: int = 0, endpoint: int = 0) -> HTTPResponse:
    """The answer to a request about transactions, on a new connection."""
    target = server.endpoints[endpoint]
    connection = HTTPConnection(target.host, target.port, timeout=SECONDS)
    try:
        connection.request(method, "/?transaction", headers={"tabular-txid": str(txid)})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def begin(server: Server, endpoint: int = 0) -> int:
    return int(send_request(server, "POST", endpoint=endpoint).headers["tabular-txid"])


def is_open(server: Server, txid: int, endpoint: int = 1) -> bool:
    return send_request(server, "GET", txid, endpoint).status == 200


def poll(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_transaction_without_requests_is_ended() -> None:
    with running_server(Options(idle_seconds=0.2)) as server:
        txid = begin(server)
        time.sleep(0.25)
        assert send_request(server, "PUT", txid).status == 404


def test_a_transaction_with_requests_is_not_ended() -> None:
    with running_server(Options(idle_seconds=1.0)) as server:
        used, idle = begin(server), begin(server)
        ended = time.monotonic() + 1.3
        while time.monotonic() < ended:
            assert is_open(server, used, 0)
            time.sleep(0.1)
        assert send_request(server, "PUT", idle).status == 404
        assert send_request(server, "PUT", used).status == 200


def test_numbers_of_transactions_may_begin_above_the_largest_signed_one() -> None:
    with running_server(Options(first_txid=2**63 + 1)) as server:
        assert [begin(server), begin(server)] == [2**63 + 1, 2**63 + 2]


def test_a_request_that_hangs_takes_effect_when_the_fault_is_cleared(server: Server) -> None:
    txid = begin(server)
    server.endpoints[0].faults.add(hung("commit"))
    with ThreadPoolExecutor(1) as pool:
        commit: Future[HTTPResponse] = pool.submit(send_request, server, "PUT", txid)
        time.sleep(0.2)
        assert is_open(server, txid)
        assert not commit.done()
        server.clear_faults()
        assert commit.result(SECONDS).status == 200
    assert not is_open(server, txid)


def test_other_requests_are_answered_beside_one_that_hangs(server: Server) -> None:
    server.endpoints[0].faults.add(hung("begin", times=1, seconds=0.5))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(send_request, server, "POST")
        poll(lambda: server.endpoints[0].requests.counts()["begin"] == 1)
        assert send_request(server, "POST").status == 200
        assert not held.done()
        assert held.result(SECONDS).status == 200


def test_a_fault_ends_after_its_time(server: Server) -> None:
    server.add_fault(Fault(refusal=refused(500, "InternalError").refusal, times=None, seconds=0.3))
    assert [send_request(server, "POST", endpoint=number).status for number in (0, 1)] == [500, 500]
    poll(lambda: send_request(server, "POST").status == 200)


@pytest.mark.parametrize(
    ("fault", "raises", "acts"),
    [
        (dropped("commit"), RemoteDisconnected, False),
        (reset_before("commit"), ConnectionResetError, False),
        (lost_reply("commit"), RemoteDisconnected, True),
        (reset_after("commit"), ConnectionResetError, True),
    ],
    ids=["dropped", "reset before", "lost reply", "reset after"],
)
def test_a_connection_ends_before_or_after_its_request_takes_effect(
    server: Server, fault: Fault, raises: type[Exception], acts: bool
) -> None:
    txid = begin(server)
    server.endpoints[0].faults.add(fault)
    with pytest.raises(raises) as raised:
        send_request(server, "PUT", txid)
    assert type(raised.value) is raises
    assert is_open(server, txid) is not acts


@pytest.mark.parametrize("acts", [False, True])
def test_an_endpoint_stops_during_a_request_and_returns(server: Server, acts: bool) -> None:
    txid = begin(server)
    other = socket.create_connection((server.endpoints[0].host, server.endpoints[0].port))
    server.endpoints[0].faults.add(stopped(0.5, "commit", acts=acts))
    with pytest.raises(ConnectionError):
        send_request(server, "PUT", txid)
    with pytest.raises(ConnectionRefusedError):
        send_request(server)
    assert other.recv(1) == b""
    other.close()
    assert is_open(server, txid) is not acts

    def answers() -> bool:
        try:
            return send_request(server).status == 200
        except ConnectionError:
            return False

    poll(answers)


def test_faults_can_be_added_while_all_endpoints_are_stopped(server: Server) -> None:
    server.stop()
    server.endpoints[1].faults.add(refused(503, "SlowDown"))
    server.add_fault(slow(0.01))
    server.start()
    assert [send_request(server, "POST", endpoint=1).status for _ in range(2)] == [503, 200]


def test_the_control_port_works_while_endpoints_are_stopped(server: Server) -> None:
    with running_control(server, 0) as url, httpx.Client(base_url=url) as control:
        assert control.post("/stop", json={}).status_code == 200
        with pytest.raises(ConnectionRefusedError):
            send_request(server)
        fault = {"endpoints": [1], "operations": ["begin"], "status": 500, "times": 2}
        assert control.post("/faults", json=fault).status_code == 200
        assert control.post("/start", json={}).status_code == 200
        assert [send_request(server, endpoint=number).status for number in (0, 1)] == [200, 500]
        assert control.delete("/faults").status_code == 200
        assert send_request(server, endpoint=1).status == 200
        assert control.get("/requests").json() == [{"begin": 1}, {"begin": 2}]
        assert control.post("/faults", content=json.dumps({"nonsense": 1})).status_code == 400
