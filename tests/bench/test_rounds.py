import pytest

from bench.figure import AtLeast, AtMost, Figure
from bench.load import Outcome
from bench.report import table
from bench.rounds import Sample, Series, ratio


def series(*rates, p50_ms=1.0):
    return Series([Sample(Outcome(1, 1.0, p50_ms, 2.0, 0, ""), rate, {"gateway": 5.0}) for rate in rates])


def test_a_ratio_is_the_median_over_the_rounds():
    # The machine was slow in the second round: both sides were.
    assert ratio(series(80, 8, 90), series(100, 10, 100)) == pytest.approx(0.8)


def test_medians():
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
def test_targets(target, value, met):
    assert Figure(name="x", value=value, unit="ms", target=target).met is met


def test_a_missed_target_stands_out_in_the_table():
    figures = [
        Figure(name="fast enough", value=2, unit="ms", target=AtMost(3)),
        Figure(name="slow", value=4, unit="ms", target=AtMost(3)),
        Figure(name="known", value=1, unit="MB"),
    ]
    _, fast, slow, known = table(figures).splitlines()
    assert fast.split() == ["fast", "enough", "2", "ms", "<=", "3", "yes"]
    assert slow.split() == ["slow", "4", "ms", "<=", "3", "NO"]
    assert known.split() == ["known", "1", "MB"]
