from concurrent.futures import ThreadPoolExecutor

import pytest

from services.media.domain.circuit import Circuit, check_any
from services.shared.errors import Unavailable
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit("cold", 3, 10.0, clock=clock)


def fail(circuit: Circuit, times: int = 1) -> list[bool]:
    outcomes = []
    for _ in range(times):
        circuit.begin()
        outcomes.append(circuit.failed())
    return outcomes


def test_failures_in_a_row_open_the_circuit(circuit: Circuit) -> None:
    assert fail(circuit, 2) == [False, False]
    circuit.begin()
    assert circuit.answered() is False
    assert fail(circuit, 3) == [False, False, True]
    assert circuit.is_open
    for asked in (circuit.check, circuit.begin):
        with pytest.raises(Unavailable, match="storage cold did not answer 3 requests in a row") as raised:
            asked()
        assert raised.value.reason == "STORAGE_UNAVAILABLE"


def test_after_the_pause_one_request_is_the_probe(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now = 10.0
    assert circuit.is_open
    circuit.begin()
    with pytest.raises(Unavailable):
        circuit.begin()
    assert circuit.failed() is False
    clock.now = 19.9
    with pytest.raises(Unavailable):
        circuit.begin()
    clock.now = 20.0
    circuit.begin()
    assert circuit.answered() is True
    assert not circuit.is_open
    assert fail(circuit, 2) == [False, False]


def test_threads_share_one_probe(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now = 10.0

    def begins(_: int) -> bool:
        try:
            circuit.begin()
        except Unavailable:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(begins, range(200))) == 1


def test_a_request_that_began_before_does_not_make_the_pause_longer(circuit: Circuit, clock: Clock) -> None:
    for _ in range(5):
        circuit.begin()
    fail(circuit, 3)
    clock.now = 5.0
    circuit.failed()
    clock.now = 10.0
    circuit.begin()


def test_a_good_check_ends_the_pause_and_does_not_close_the_circuit(circuit: Circuit) -> None:
    circuit.end_pause()
    assert not circuit.is_open
    fail(circuit, 3)
    circuit.end_pause()
    assert circuit.is_open
    circuit.begin()
    with pytest.raises(Unavailable):
        circuit.check()


def test_work_for_all_storages_waits_only_while_none_can_be_asked(circuit: Circuit, clock: Clock) -> None:
    other = Circuit("hot", 1, 10.0, clock=clock)
    check_any([])
    fail(circuit, 3)
    check_any([circuit, other])
    fail(other)
    with pytest.raises(Unavailable, match="storage cold"):
        check_any([circuit, other])
    clock.now = 10.0
    check_any([circuit, other])
