import pytest

from bench.figure import AtLeast, AtMost, Figure
from bench.load import Outcome
from bench.report import table
from bench.rounds import Sample, Series, ratio


def series(*rates: float, p50_ms: float = 1.0) -> Series:
    return Series([Sample(Outcome(1, 1.0, p50_ms, 2.0, 0, ""), rate, {"gateway": 5.0}) for rate in rates])


def test_a_ratio_is_the_median_over_the_rounds() -> None:
    # In the second round the machine was slow, which affects both sides.
    assert ratio(series(80, 8, 90), series(100, 10, 100)) == pytest.approx(0.8)


def test_a_series_has_the_medians_of_its_samples() -> None:
    found = series(3, 1, 2)
    assert (found.rate, found.p50_ms, found.cpu_us) == (2, 1.0, {"gateway": 5.0})


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (AtLeast(0.75), 0.75, True),
        (AtLeast(0.75), 0.74, False),
        (AtMost(3), 3, True),
        (AtMost(3), 3.1, False),
    ],
)
def test_a_figure_meets_its_target(target: AtLeast | AtMost, value: float, met: bool) -> None:
    assert Figure(name="x", value=value, unit="ms", target=target).met is met


def test_a_missed_target_is_marked_in_the_table() -> None:
    figures = [
        Figure(name="fast enough", value=2, unit="ms", target=AtMost(3)),
        Figure(name="slow", value=4, unit="ms", target=AtMost(3)),
        Figure(name="known", value=1, unit="MB"),
    ]
    _, fast, slow, known = table(figures).splitlines()
    assert fast.split() == ["fast", "enough", "2", "ms", "<=", "3", "yes"]
    assert slow.split() == ["slow", "4", "ms", "<=", "3", "NO"]
    assert known.split() == ["known", "1", "MB"]
