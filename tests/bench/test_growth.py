import pytest

from bench.soak.growth import Growth, growth
from bench.soak.samples import Sample
from services.metadata.adapters.sqlite.file.connection import CACHE_MIB


def sampled(*sizes: float) -> list[Sample]:
    return [Sample({"metadata": size}, {}, 0, 0, 0, 0, 0, 0, 0, "") for size in sizes]


def test_the_last_third_is_compared_with_the_middle_third() -> None:
    found = growth(sampled(30, 35, 40, 50, 51, 52, 52, 53, 54), "metadata")
    assert found == Growth("metadata", 30, 51, 53)


@pytest.mark.parametrize(
    ("name", "last", "verdict"),
    [
        ("media", 52, "flat"),
        ("media", 60, "GROWS"),
        ("metadata", 40 + CACHE_MIB, f"within its cache of {CACHE_MIB} MiB"),
        ("metadata", 45 + CACHE_MIB, "GROWS"),
    ],
)
def test_a_cache_with_a_bound_is_told_from_growth(name: str, last: float, verdict: str) -> None:
    assert Growth(name, 40, 50, last).verdict == verdict
