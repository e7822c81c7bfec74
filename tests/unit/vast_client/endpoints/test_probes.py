import pytest

from services.vast_client.connections.connections import time_left
from services.vast_client.endpoints.endpoints import Endpoints
from services.vast_client.endpoints.probes import Probes
from services.vast_client.failures import Unreachable
from services.vast_client.plans import Kind


class Database:
    """Answers probes with an error, or accepts them if that is None."""

    def __init__(self) -> None:
        self.now = 0.0
        self.error: Exception | None = Unreachable()
        self.probed: list[str] = []
        self.seconds_left = 0.0

    def probe(self, endpoint: str) -> None:
        self.probed.append(endpoint)
        self.seconds_left = time_left()
        if self.error is not None:
            raise self.error


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def probes(database: Database) -> Probes:
    probes = Probes(database.probe)
    probes.endpoints = Endpoints(["a", "b"], clock=lambda: database.now, seed=1)
    return probes


def open_endpoint(probes: Probes, endpoint: str) -> Endpoints:
    assert probes.endpoints is not None
    for _ in range(3):
        probes.endpoints.record_failure(endpoint)
    return probes.endpoints


@pytest.mark.parametrize("error", [Unreachable(), KeyError("a mistake")])
def test_an_endpoint_is_probed_until_it_answers(database: Database, probes: Probes, error: Exception) -> None:
    endpoints = open_endpoint(probes, "a")
    database.error = error
    for _ in range(3):
        wait = probes.once()
        assert wait is not None
        assert endpoints.usable() == ["b"]
        database.now += wait
    database.error = None
    assert probes.once() is None
    assert endpoints.usable() == ["a", "b"]
    assert database.probed == ["a"] * 3


def test_no_endpoint_is_probed_while_none_is_open(database: Database, probes: Probes) -> None:
    assert probes.once() is None
    assert database.probed == []


def test_a_probe_has_a_second_or_more_if_all_endpoints_are_slow(database: Database, probes: Probes) -> None:
    endpoints = open_endpoint(probes, "a")
    database.now += 1
    probes.once()
    assert 0 < database.seconds_left <= 1
    endpoints.record_time("b", Kind.POINT, 0.5)
    database.now += 5
    probes.once()
    assert 1 < database.seconds_left <= 2.5
