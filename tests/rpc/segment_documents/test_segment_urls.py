import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from grpc import aio
from tams.metadata.v1.segment_pb2 import ExternalUrl

from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.storage_backends import StorageBackends
from services.segment_documents.url_filter import UrlFilter
from services.shared.errors import Unavailable
from tests.support.rpc.segment_lines import Listed, segment_lines
from tests.support.rpc.signing import Storage, signing

ELSEWHERE = ExternalUrl(url="https://elsewhere.example/b", label="mine")


@pytest.fixture
async def storage() -> Storage:
    return Storage()


@pytest.fixture
async def media(storage: Storage) -> AsyncIterator[aio.Channel]:
    async with signing(storage) as channel:
        yield channel


def segment(
    path: str,
    label: str = "",
    external_urls: Sequence[ExternalUrl] = (),
    copies: Sequence[tuple[str, str]] = (),
) -> Listed:
    document = json.dumps({"object_id": path}).encode()
    places = [(f"id-of-{copy_label}", copy_path) for copy_label, copy_path in copies]
    return Listed(document, label and f"id-of-{label}", path, external_urls, places)


# Returns the object id and URLs of each segment, filtered as in a request.
UrlsOf = Callable[..., Awaitable[list[tuple[str, list[str]]]]]


@pytest.fixture
def urls_of(media: aio.Channel) -> UrlsOf:
    segment_urls = SegmentUrls(media, StorageBackends(media, 60))

    async def object_ids_and_urls(segments: Sequence[Listed], **filters: Any) -> list[tuple[str, list[str]]]:
        (written,) = await segment_urls.documents([segment_lines(segments)], UrlFilter(**filters))
        documents = json.loads(written.json_list())
        assert len(written) == len(documents)
        return [
            (document["object_id"], [url["url"] for url in document["get_urls"]]) for document in documents
        ]

    return object_ids_and_urls


async def test_each_segment_has_its_own_urls_with_several_backends(urls_of: UrlsOf, storage: Storage) -> None:
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


async def test_a_cdn_adds_urls_that_need_no_signing(urls_of: UrlsOf, storage: Storage) -> None:
    storage.cdn_urls = {"cold": "https://cdn.example"}
    segments = [segment("a", "cold"), segment("b", "hot", external_urls=[ELSEWHERE])]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a?a", "https://cdn.example/a"]),
        ("b", ["https://id-of-hot/b?b", ELSEWHERE.url]),
    ]
    assert await urls_of(segments[:1]) == [("a", ["https://id-of-cold/a?a", "https://cdn.example/a"])]
    storage.signed.clear()
    assert await urls_of(segments, labels={"cdn:cold"}) == [("a", ["https://cdn.example/a"]), ("b", [])]
    assert await urls_of(segments[:1], presigned=False) == [("a", ["https://cdn.example/a"])]
    assert storage.signed == []


async def test_a_backend_of_all_segments_is_named_once(urls_of: UrlsOf, storage: Storage) -> None:
    segments = [segment("a", "cold"), segment("é", "cold", external_urls=[ELSEWHERE])]
    assert segment_lines(segments).storage_ids == ["id-of-cold"]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a?a"]),
        ("é", ["https://id-of-cold/%C3%A9?%C3%A9", ELSEWHERE.url]),
    ]
    assert storage.signed == [{"id-of-cold": ["a", "%C3%A9"]}]


async def test_segments_of_one_backend_without_external_urls_have_signed_urls(
    urls_of: UrlsOf, storage: Storage
) -> None:
    segments = [segment("a", "cold"), segment("é", "cold"), segment("c\nd", "cold")]
    assert await urls_of(segments) == [
        ("a", ["https://id-of-cold/a?a"]),
        ("é", ["https://id-of-cold/%C3%A9?%C3%A9"]),
        ("c\nd", ["https://id-of-cold/c%0Ad?c%0Ad"]),
    ]
    assert storage.signed == [{"id-of-cold": ["a", "%C3%A9", "c%0Ad"]}]


async def test_copies_have_urls_of_their_own_and_those_that_answer_come_first(
    urls_of: UrlsOf, storage: Storage
) -> None:
    copied = [segment("a", "cold", copies=[("hot", "x")]), segment("b", "cold", copies=[("hot", "y")])]
    others = [segment("c", "hot", external_urls=[ELSEWHERE]), segment("d", "hot", copies=[("gone", "z")])]

    def both(first: str, second: str, *names: str) -> list[str]:
        return [
            f"https://id-of-{one}/{name}?{name}" for one, name in zip((first, second), names, strict=True)
        ]

    # The default backend comes first, and the last is one that does not answer.
    expected = [("a", both("hot", "cold", "x", "a")), ("b", both("hot", "cold", "y", "b"))]
    assert await urls_of(copied) == expected
    rest = [("c", ["https://id-of-hot/c?c", ELSEWHERE.url]), ("d", ["https://id-of-hot/d?d"])]
    assert await urls_of([*copied, *others]) == [*expected, *rest]
    assert await urls_of(copied, storage_ids=frozenset({"id-of-cold"})) == [
        ("a", ["https://id-of-cold/a?a"]),
        ("b", ["https://id-of-cold/b?b"]),
    ]
    storage.unreachable = {"id-of-hot"}
    assert await urls_of(copied) == [
        ("a", both("cold", "hot", "a", "x")),
        ("b", both("cold", "hot", "b", "y")),
    ]


async def test_urls_are_signed_only_for_wanted_backends(urls_of: UrlsOf, storage: Storage) -> None:
    segments = [segment("a", "cold"), segment("b", "hot")]
    found = await urls_of(segments, labels=frozenset({"hot"}))
    assert found == [("a", []), ("b", ["https://id-of-hot/b?b"])]
    assert storage.signed == [{"id-of-hot": ["b"]}]


async def test_nothing_is_signed_when_no_signed_url_is_wanted(urls_of: UrlsOf, storage: Storage) -> None:
    segments = [segment("a", "cold", external_urls=[ELSEWHERE])]
    assert await urls_of(segments, presigned=False) == [("a", [ELSEWHERE.url])]
    assert await urls_of(segments, labels=frozenset({"mine"})) == [("a", [ELSEWHERE.url])]
    assert await urls_of(segments, labels=frozenset()) == [("a", [])]
    assert storage.signed == []


async def test_segments_of_a_removed_backend_have_no_urls(urls_of: UrlsOf, storage: Storage) -> None:
    assert await urls_of([segment("a", "gone")]) == [("a", [])]
    assert storage.signed == []


async def test_an_empty_list_of_segments_needs_no_call(urls_of: UrlsOf, storage: Storage) -> None:
    assert await urls_of([]) == []
    assert storage.listed == 0


async def test_simultaneous_callers_share_one_request_for_the_backends(
    media: aio.Channel, storage: Storage
) -> None:
    backends = StorageBackends(media, 60)
    lists = await asyncio.gather(*(backends.list() for _ in range(10)))
    assert [[backend.label for backend in listed] for listed in lists] == [["hot", "cold"]] * 10
    await backends.list()
    assert storage.listed == 1


async def test_an_old_list_of_backends_is_requested_again(media: aio.Channel, storage: Storage) -> None:
    backends = StorageBackends(media, 0)
    await backends.list()
    await backends.list()
    assert storage.listed == 2


async def test_a_cancelled_caller_does_not_cancel_the_request_of_others(
    media: aio.Channel, storage: Storage
) -> None:
    backends = StorageBackends(media, 60)
    first, second = (asyncio.create_task(backends.list()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 2
    assert storage.listed == 1


async def test_a_failed_request_for_the_backends_is_repeated(media: aio.Channel, storage: Storage) -> None:
    backends = StorageBackends(media, 60)
    storage.unavailable = True
    with pytest.raises(Unavailable):
        await backends.list()
    storage.unavailable = False
    assert len(await backends.list()) == 2
