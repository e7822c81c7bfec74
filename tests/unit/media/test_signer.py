import tracemalloc
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.media.application.signer import MAX_URLS, WINDOW_SECONDS, Signer, UrlExpiry
from services.media.domain.credentials import Credentials
from services.media.domain.storage_backend import StorageBackends
from services.shared.errors import InvalidArgument, Unavailable
from services.shared.url_paths import url_lines
from tests.support.storage.backends import BACKEND_ID, NOON, OTHER_BACKEND_ID, a_backend


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def signer_at(clock: Callable[[], datetime], expiry_seconds: int = 3600) -> Signer:
    other = a_backend(
        id=OTHER_BACKEND_ID, default_storage=False, bucket="cold", public_endpoint_url="https://cold.example"
    )
    return Signer(StorageBackends([a_backend(), other]), clock, UrlExpiry(expiry_seconds, expiry_seconds))


def urls_of(signer: Signer, objects: Sequence[tuple[str, bytes]]) -> list[str]:
    return [url for signed in signer.sign(objects) for url in signed.urls()]


def paths_in(*paths: str, storage_id: str = BACKEND_ID) -> tuple[str, bytes]:
    return storage_id, url_lines(paths)


def test_urls_have_the_order_and_the_backend_of_the_request() -> None:
    urls = urls_of(
        signer_at(Clock()), [paths_in("a"), paths_in("b", storage_id=OTHER_BACKEND_ID), paths_in("a")]
    )
    places = [urlsplit(url)._replace(query="").geturl() for url in urls]
    assert places == ["http://127.0.0.1:8333/tams/a", "https://cold.example/cold/b", places[0]]
    assert urls[0] == urls[2]


@given(st.timedeltas(timedelta(days=-9000), timedelta(days=9000)).map(lambda offset: NOON + offset))
def test_a_url_is_valid_for_its_time_and_at_most_a_window_longer(now: datetime) -> None:
    (url,) = urls_of(signer_at(Clock(now), 60), [paths_in("a")])
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=NOON.tzinfo)
    remaining = signed + timedelta(seconds=int(query["X-Amz-Expires"][0])) - now
    assert timedelta(seconds=60) < remaining <= timedelta(seconds=60 + WINDOW_SECONDS)


def test_urls_change_only_with_the_window() -> None:
    clock = Clock()
    signer = signer_at(clock)

    def url() -> str:
        return urls_of(signer, [paths_in("a")])[0]

    first = url()
    clock.now += timedelta(seconds=WINDOW_SECONDS - 1)
    assert url() == first == urls_of(signer_at(clock), [paths_in("a")])[0]
    clock.now += timedelta(seconds=1)
    assert url() != first


def test_new_credentials_sign_from_the_next_url_on() -> None:
    backend = a_backend()
    signer = Signer(StorageBackends([backend]), Clock(), UrlExpiry(3600, 3600))
    before = urls_of(signer, [paths_in("a")]) + signer.put_urls(backend, ["b"], "video/mp2t").urls()
    backend.credentials.current = Credentials("new", "secret")
    after = urls_of(signer, [paths_in("a")]) + signer.put_urls(backend, ["b"], "video/mp2t").urls()
    assert ["Credential=access" in url for url in before] == [True, True]
    assert ["Credential=new" in url for url in after] == [True, True]


def test_urls_to_read_and_to_write_are_valid_for_times_of_their_own() -> None:
    backend = a_backend()
    signer = Signer(StorageBackends([backend]), Clock(), UrlExpiry(get=7200, put=60))
    reads, writes = urls_of(signer, [paths_in("a")]), signer.put_urls(backend, ["b"], "video/mp2t").urls()
    parts = signer.part_urls(backend, "c", "upload", [1])
    found = [parse_qs(urlsplit(url).query)["X-Amz-Expires"] for url in reads + writes + parts]
    assert found == [["7500"], ["360"], ["360"]]


@given(st.integers(1, 5000), st.integers(0, 299))
def test_a_url_does_not_outlive_the_credentials_that_signed_it(left: int, passed: int) -> None:
    clock = Clock(NOON + timedelta(seconds=passed))
    expires = clock.now + timedelta(seconds=left)
    backend = a_backend(credentials=Credentials("role", "secret", "token", expires))
    signer = Signer(StorageBackends([backend]), clock, UrlExpiry(3600, 3600))
    for url in urls_of(signer, [paths_in("a")]) + signer.put_urls(backend, ["b"], "video/mp2t").urls():
        query = parse_qs(urlsplit(url).query)
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=NOON.tzinfo)
        assert clock.now < signed + timedelta(seconds=int(query["X-Amz-Expires"][0])) <= expires
    clock.now = expires
    with pytest.raises(Unavailable) as raised:
        signer.sign([paths_in("a")])
    assert raised.value.reason == "CREDENTIALS_EXPIRED"


def test_more_paths_than_the_cache_holds_are_signed_correctly() -> None:
    signer = signer_at(Clock())
    pages = [list(map(str, range(start, start + MAX_URLS))) for start in range(0, 25_000, MAX_URLS)]
    first, *_ = signed = [urls_of(signer, [paths_in(*page)]) for page in pages]
    assert len(set(chain.from_iterable(signed))) == 25_000
    assert first == urls_of(signer, [paths_in(*pages[0])])


def test_the_memory_of_the_cache_is_bounded() -> None:
    signer = signer_at(Clock())
    tracemalloc.start()
    try:
        for start in range(0, 60_000, MAX_URLS):
            urls_of(signer, [paths_in(*(f"{number:064}" for number in range(start, start + MAX_URLS)))])
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used_bytes < 10_000_000


def test_a_page_of_cached_and_new_paths_is_signed_correctly() -> None:
    signer = signer_at(Clock())
    for start in range(0, 20_000, MAX_URLS):
        urls_of(signer, [paths_in(*map(str, range(start, start + MAX_URLS)))])
    mixed = ["5", "new", "5", "19999"]
    assert urls_of(signer, [paths_in(*mixed)]) == urls_of(signer_at(Clock()), [paths_in(*mixed)])


def test_too_many_paths_are_refused() -> None:
    with pytest.raises(InvalidArgument) as raised:
        urls_of(signer_at(Clock()), [paths_in(*["a"] * MAX_URLS), paths_in("a")])
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
        (BACKEND_ID, b"%2E%2E/x\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"..%2Fx\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"../x\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"a%00\n", "BAD_STORAGE_PATH"),
        (BACKEND_ID, b"/x\n", "BAD_STORAGE_PATH"),
    ],
)
def test_unknown_backends_and_malformed_paths_are_refused(storage_id: str, paths: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        urls_of(signer_at(Clock()), [paths_in("a"), (storage_id, paths)])
    assert raised.value.reason == reason


def test_an_empty_request_has_no_urls() -> None:
    assert urls_of(signer_at(Clock()), []) == []


def test_a_refused_path_is_not_cached() -> None:
    signer = signer_at(Clock())
    for _ in range(2):
        with pytest.raises(InvalidArgument):
            urls_of(signer, [paths_in("a"), paths_in("../x")])
    assert len(urls_of(signer, [paths_in("a")])) == 1
