import asyncio
import json

import pytest
from tams.metadata.v1.segment_pb2 import ExternalUrl, Segment

from services.shared.errors import Unavailable
from services.shared.get_urls import UrlFilter
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends, as_lines
from tests.support.signing import Storage, signing

ELSEWHERE = ExternalUrl(url="https://elsewhere.example/b", label="mine")


@pytest.fixture
async def storage():
    return Storage()


@pytest.fixture
async def media(storage):
    async with signing(storage) as channel:
        yield channel


def segment(path, label="", **members):
    return Segment(
        document=json.dumps({"object_id": path}).encode(),
        storage_id=label and f"id-of-{label}",
        storage_path=path,
        **members,
    )


@pytest.fixture
def urls_of(media):
    segment_urls = SegmentUrls(media, StorageBackends(media, 60))

    async def found(segments, **wanted):
        written = await segment_urls.documents(as_lines(segments), UrlFilter(**wanted))
        documents = json.loads(written.json_list())
        assert [json.loads(one) for one in written.each()] == documents
        return [(one["object_id"], [url["url"] for url in one["get_urls"]]) for one in documents]

    return found


async def test_each_segment_gets_its_own_urls_whatever_the_backends(urls_of, storage):
    segments = [
        segment("a", "cold"),
        segment("b", external_urls=[ELSEWHERE]),
        segment("c", "hot", external_urls=[ELSEWHERE]),
        segment("d", "cold"),
    ]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a?a"]),
        ("b", [ELSEWHERE.url]),
        ("c", ["https://id-of-hot/c?c", ELSEWHERE.url]),
        ("d", ["https://id-of-cold/d?d"]),
    ]
    assert storage.signed == [{"id-of-hot": ["c"], "id-of-cold": ["a", "d"]}]


async def test_one_backend_for_all_is_named_once(urls_of, storage):
    segments = [segment("a", "cold"), segment("é", "cold", external_urls=[ELSEWHERE])]
    assert as_lines(segments).storage_ids == ["id-of-cold"]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a?a"]),
        ("é", ["https://id-of-cold/%C3%A9?%C3%A9", ELSEWHERE.url]),
    ]
    assert storage.signed == [{"id-of-cold": ["a", "%C3%A9"]}]


async def test_a_page_of_one_backend_and_no_other_urls(urls_of, storage):
    segments = [segment("a", "cold"), segment("é", "cold"), segment("c\nd", "cold")]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a?a"]),
        ("é", ["https://id-of-cold/%C3%A9?%C3%A9"]),
        ("c\nd", ["https://id-of-cold/c%0Ad?c%0Ad"]),
    ]
    assert storage.signed == [{"id-of-cold": ["a", "%C3%A9", "c%0Ad"]}]


async def test_only_wanted_backends_are_signed_for(urls_of, storage):
    segments = [segment("a", "cold"), segment("b", "hot")]
    found = await urls_of(segments, labels=frozenset({"hot"}))
    assert found == [("a", []), ("b", ["https://id-of-hot/b?b"])]
    assert storage.signed == [{"id-of-hot": ["b"]}]


async def test_nothing_is_signed_when_no_signed_url_is_wanted(urls_of, storage):
    segments = [segment("a", "cold", external_urls=[ELSEWHERE])]
    assert await urls_of(segments, presigned=False) == [("a", [ELSEWHERE.url])]
    assert await urls_of(segments, labels=frozenset({"mine"})) == [("a", [ELSEWHERE.url])]
    assert await urls_of(segments, labels=frozenset()) == [("a", [])]
    assert storage.signed == []


async def test_a_backend_that_is_not_configured_any_more_has_no_urls(urls_of, storage):
    assert await urls_of([segment("a", "gone")]) == [("a", [])]
    assert storage.signed == []


async def test_without_segments_nobody_is_asked(urls_of, storage):
    assert await urls_of([]) == []
    assert storage.listed == 0


async def test_backends_are_asked_for_once_for_all_who_ask_together(media, storage):
    backends = StorageBackends(media, 60)
    lists = await asyncio.gather(*(backends.list() for _ in range(10)))
    assert [[one.label for one in found] for found in lists] == [["hot", "cold"]] * 10
    await backends.list()
    assert storage.listed == 1


async def test_backends_are_asked_for_again_when_the_list_is_old(media, storage):
    backends = StorageBackends(media, 0)
    await backends.list()
    await backends.list()
    assert storage.listed == 2


async def test_who_goes_away_does_not_take_the_list_from_others(media, storage):
    backends = StorageBackends(media, 60)
    first, second = (asyncio.create_task(backends.list()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 2
    assert storage.listed == 1


async def test_a_failure_is_not_remembered(media, storage):
    backends = StorageBackends(media, 60)
    storage.away = True
    with pytest.raises(Unavailable):
        await backends.list()
    storage.away = False
    assert len(await backends.list()) == 2
