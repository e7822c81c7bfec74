import tracemalloc
from datetime import datetime, timedelta
from itertools import chain
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.media.application.signing import MAX_URLS, WINDOW_SECONDS, Signing
from services.media.domain.storage_backend import StorageBackends
from services.shared.errors import InvalidArgument
from services.shared.signed_urls import url_lines
from tests.support.storage import BACKEND_ID, NOON, OTHER_BACKEND_ID, a_backend


class Clock:
    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        return self.now


def signing_at(clock, expiry_seconds=3600):
    other = a_backend(
        id=OTHER_BACKEND_ID, default_storage=False, bucket="cold", public_endpoint_url="https://cold.example"
    )
    return Signing(StorageBackends([a_backend(), other]), clock, expiry_seconds)


def asked(*paths, of=BACKEND_ID):
    return of, url_lines(paths)


def test_urls_come_in_the_order_asked_from_the_backend_asked():
    urls = signing_at(Clock()).get_urls([asked("a"), asked("b", of=OTHER_BACKEND_ID), asked("a")])
    places = [urlsplit(url)._replace(query="").geturl() for url in urls]
    assert places == ["http://127.0.0.1:8333/tams/a", "https://cold.example/cold/b", places[0]]
    assert urls[0] == urls[2]


@given(st.timedeltas(timedelta(days=-9000), timedelta(days=9000)).map(lambda away: NOON + away))
def test_a_url_lives_at_least_as_long_as_promised_and_at_most_a_window_longer(now):
    (url,) = signing_at(Clock(now), 60).get_urls([asked("a")])
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=NOON.tzinfo)
    left = signed + timedelta(seconds=int(query["X-Amz-Expires"][0])) - now
    assert timedelta(seconds=60) < left <= timedelta(seconds=60 + WINDOW_SECONDS)


def test_urls_stay_the_same_within_a_window_and_change_with_it():
    clock = Clock()
    signing = signing_at(clock)

    def url():
        return signing.get_urls([asked("a")])[0]

    first = url()
    clock.now += timedelta(seconds=WINDOW_SECONDS - 1)
    assert url() == first == signing_at(clock).get_urls([asked("a")])[0]
    clock.now += timedelta(seconds=1)
    assert url() != first


def test_more_paths_than_the_cache_holds_are_still_signed_right():
    signing = signing_at(Clock())
    pages = [list(map(str, range(start, start + MAX_URLS))) for start in range(0, 25_000, MAX_URLS)]
    first, *_ = signed = [signing.get_urls([asked(*page)]) for page in pages]
    assert len(set(chain.from_iterable(signed))) == 25_000
    assert first == signing.get_urls([asked(*pages[0])])


def test_what_is_remembered_is_bounded():
    signing = signing_at(Clock())
    tracemalloc.start()
    try:
        for start in range(0, 60_000, MAX_URLS):
            signing.get_urls([asked(*(f"{number:064}" for number in range(start, start + MAX_URLS)))])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 10_000_000


def test_one_page_may_reach_over_the_end_of_the_cache():
    signing = signing_at(Clock())
    for start in range(0, 20_000, MAX_URLS):
        signing.get_urls([asked(*map(str, range(start, start + MAX_URLS)))])
    mixed = ["5", "new", "5", "19999"]
    assert signing.get_urls([asked(*mixed)]) == signing_at(Clock()).get_urls([asked(*mixed)])


def test_too_many_at_once():
    with pytest.raises(InvalidArgument) as raised:
        signing_at(Clock()).get_urls([asked(*["a"] * MAX_URLS), asked("a")])
    assert raised.value.reason == "TOO_MANY_ITEMS"


@pytest.mark.parametrize(
    ("storage_id", "paths", "reason"),
    [
        ("5e0b1a0e-7c1d-4b5e-9a52-000000000000", b"a\n", "UNKNOWN_STORAGE"),
        ("", b"a\n", "UNKNOWN_STORAGE"),
        (BACKEND_ID, b"\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"a\n\nb\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"a\n\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"a", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"a\nb c\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"a?b\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"%2\n", "BAD_STORAGE_PATH"),
    ],
)
def test_a_place_that_cannot_be(storage_id, paths, reason):
    with pytest.raises(InvalidArgument) as raised:
        signing_at(Clock()).get_urls([asked("a"), (storage_id, paths)])
    assert raised.value.reason == reason


def test_nothing_asked_nothing_signed():
    assert signing_at(Clock()).get_urls([]) == []
