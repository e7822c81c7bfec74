from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from mediatimestamp import Timestamp

from gateway.playback.clock import utc_date
from services.shared.timerange import NS

FIRST = datetime(1972, 1, 1, tzinfo=UTC)


def test_dates_are_those_of_the_bbc_library() -> None:
    """Around each half year, where leap seconds are."""
    for year, month, second in product(range(1972, 2030), (1, 7), (-2, 0, 1)):
        date = datetime(year, month, 1, tzinfo=UTC) + timedelta(seconds=second, milliseconds=250)
        if date >= FIRST:
            tai = Timestamp.from_datetime(date)
            assert utc_date(tai.sec * NS + tai.ns) == date.strftime("%Y-%m-%dT%H:%M:%S.250Z")


@pytest.mark.parametrize("time", [-NS, 0, 365 * 86_400 * NS])
def test_times_before_1972_have_no_date(time: int) -> None:
    assert utc_date(time) is None
