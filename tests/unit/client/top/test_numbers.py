import pytest

from client.top.numbers import levels, quantile, rates
from client.top.scraping import Scrape, parse


def scrape(time: float, text: str, name: str = "a", started: int = 1) -> Scrape:
    build = 'tams_build_info{service="gateway",version="1"} 1\n'
    return Scrape(name, time, parse(f"{build}process_start_time_seconds {started}\n{text}"))


def test_a_rate_is_the_change_in_a_second_over_all_processes() -> None:
    before = [scrape(10, 'x_total{k="1"} 5\n'), scrape(10, 'x_total{k="1"} 0\n', "b")]
    after = [scrape(12, 'x_total{k="1"} 9\nx_total{k="2"} 4\n'), scrape(14, 'x_total{k="1"} 4\n', "b")]

    found = rates(before, after)

    assert found.total("x_total") == 2 + 2 + 1
    assert found.groups("x_total", "k") == {("1",): 3, ("2",): 2}
    assert found.groups("x_total", "process", "service") == {("a", "gateway"): 4, ("b", "gateway"): 1}


def test_a_process_that_was_restarted_counts_from_zero() -> None:
    found = rates([scrape(0, "x_total 1\n")], [scrape(2, "x_total 8\n", started=2)])
    assert found.total("x_total") == 4


def test_a_counter_that_falls_counts_from_zero() -> None:
    assert rates([scrape(0, "x_total 9\n")], [scrape(1, "x_total 2\n")]).total("x_total") == 2


@pytest.mark.parametrize("before", [[], [Scrape("a", 0, {}, "no answer")], [scrape(2, "x_total 1\n")]])
def test_without_an_earlier_answer_there_are_no_rates(before: list[Scrape]) -> None:
    assert "x_total" not in rates(before, [scrape(2, "x_total 8\n")])


def test_levels_are_kept_apart_by_process() -> None:
    found = levels([scrape(0, "y 3\n"), scrape(0, "y 5\n", "b"), Scrape("c", 0, {}, "no answer")])
    assert (found.total("y"), found.highest("y"), found.lowest("y")) == (8, 5, 3)
    assert found.highest("y", process="a") == 3
    assert found.highest("z") is None


INF = float("inf")


@pytest.mark.parametrize(
    ("part", "buckets", "value"),
    [
        (0.5, {}, None),
        (0.5, {1.0: 0, INF: 0}, None),
        (0.5, {1.0: 10, INF: 10}, 0.5),
        (0.5, {1.0: 0, 2.0: 4, INF: 4}, 1.5),
        (0.99, {1.0: 50, 2.0: 100, INF: 100}, 1.98),
        (0.99, {1.0: 1, 2.0: 2, INF: 100}, 2.0),
        (0.25, {1.0: 1, 2.0: 1, 3.0: 4, INF: 4}, 1.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(
    part: float, buckets: dict[float, float], value: float | None
) -> None:
    assert quantile(part, buckets) == (None if value is None else pytest.approx(value))
